import { url as inspectorUrl } from 'node:inspector'
import { KmsError } from '../domain/errors.ts'

const REVEALING = /--(inspect|heapsnapshot|heap-prof|cpu-prof|tls-keylog|trace-tls)[a-z-]*/
const VERBOSE = ['NODE_DEBUG', 'NODE_DEBUG_NATIVE'] as const

const refused = (message: string): KmsError => new KmsError('start_refused', { message })

/**
 * No debugger may look at the keys, nothing may write them down, and no certificate is taken unseen: asked of the process itself, however it was
 * started.
 *
 * @param options those of Node.js that the process was started with
 * @throws KmsError `start_refused` naming the option or the variable
 */
export const refuseToReveal = (
  environment: NodeJS.ProcessEnv,
  options: readonly string[] = process.execArgv,
): void => {
  const given = [environment.NODE_OPTIONS ?? '', ...options].join(' ').replaceAll('_', '-')
  const option = REVEALING.exec(given)?.[0] ?? (inspectorUrl() === undefined ? undefined : 'the inspector')
  if (option !== undefined) {
    throw refused(
      `does not run under a debugger, or with what writes its memory or its TLS keys: ${option} is set`,
    )
  }
  if (environment.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw refused('does not run with NODE_TLS_REJECT_UNAUTHORIZED=0: certificates must be checked')
  }
  for (const name of VERBOSE) {
    if (environment[name]) throw refused(`does not run with ${name}: what it prints may hold keys`)
  }
}
