import { isIP } from 'node:net'
import { isLoopback } from './address.ts'

const MONGODB = /^mongodb(\+srv)?:\/\/(?:[^/]*@)?([^/?]*)(?:\/[^?]*)?(?:\?(.*))?$/
const INSECURE = ['tlsinsecure', 'tlsallowinvalidcertificates', 'tlsallowinvalidhostnames']

/** A Unix socket is percent-encoded. */
const isOnThisMachine = (address: string): boolean => {
  if (/^%2f/i.test(address)) return true
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return isLoopback(isIP(host) === 0 ? host.toLowerCase() : host)
}

/**
 * Whether a MongoDB is reached with TLS that checks whom it reaches. Never quotes the URL, which holds a password.
 *
 * @returns one line for each thing that is wrong
 */
export const mongoProblems = (url: string): readonly string[] => {
  const [matched, srv, hosts = '', query = ''] = MONGODB.exec(url) ?? []
  if (matched === undefined) return []
  const options = new Map(
    [...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value.toLowerCase()]),
  )
  const problems = INSECURE.filter((name) => (options.get(name) ?? 'false') !== 'false').map(
    (name) => `DATABASE_URL has ${name}: the store's certificate must be checked; leave it out`,
  )
  const asked = options.get('tls') ?? options.get('ssl') ?? (srv === undefined ? 'false' : 'true')
  if (asked !== 'true' && !(srv === undefined && hosts.split(',').every(isOnThisMachine))) {
    problems.push(
      'DATABASE_URL reaches a MongoDB that is not on this machine without TLS: it must have tls=true',
    )
  }
  return problems
}
