import { MongoClient } from 'mongodb'
import { KmsError } from '../../../domain/errors.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { clientOptions } from './options.ts'

/**
 * Not connected yet. The driver's own messages quote the URL, and with it the password: none is passed on.
 *
 * @throws KmsError `start_refused`
 */
export const newClient = (url: string, deadlineMs: number, maxPoolSize: number): MongoClient => {
  try {
    return new MongoClient(url, clientOptions(deadlineMs, maxPoolSize))
  } catch {
    const hint =
      'check its scheme, hosts and options, and that special characters of the password are %-encoded'
    throw new KmsError('start_refused', {
      message: `DATABASE_URL is not a MongoDB URL that the driver takes: ${hint}.`,
    })
  }
}

/** Says once when no server takes writes any more, and once when one does again. Precondition: connected. */
export const watch = (client: MongoClient, logger: Logger): void => {
  let writable = true
  client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
    const isWritable = [...servers.values()].some((server) => server.isWritable)
    if (isWritable === writable) return
    writable = isWritable
    if (writable) logger.info({}, 'the store takes writes again')
    else logger.warn({ servers: [...servers.keys()] }, 'no server of the store takes writes')
  })
}
