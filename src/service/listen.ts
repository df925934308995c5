import type { HostAndPort } from '../config/address.ts'
import { KmsError } from '../domain/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not listen there',
}

/** @throws KmsError `start_refused` naming the variables */
export const listenOn = async (
  listen: (address: HostAndPort) => Promise<unknown>,
  variables: string,
  address: HostAndPort,
): Promise<void> => {
  try {
    await listen(address)
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const { host, port } = address
    throw new KmsError('start_refused', {
      message: `${variables}: can't listen on ${host} port ${port}, ${REASONS[code] ?? message}`,
      cause,
    })
  }
}
