import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseHostAndPort, urlHost } from '../config/address.ts'
import { buildHealthServer } from '../http/health.ts'
import { listenOn } from './listen.ts'

/** Answers from the first moment to the last, so that whoever supervises sees a start and an end, too. */
export interface Health {
  /** Where it answers; undefined where it is off. */
  readonly url: string | undefined
  /** From now on it is this that decides; until then the service is not ready. */
  watch(ready: () => Promise<boolean>): void
  /** From now on the service is not ready, whatever was watched. */
  endWatch(): void
  close(): Promise<void>
}

const NOT_READY = async (): Promise<boolean> => false

/** @param address HEALTH_BIND. @throws KmsError `start_refused` if nothing can listen there */
export const openHealth = async (address: string): Promise<Health> => {
  let ready = NOT_READY
  let ending = false
  const controls = {
    watch(watched: () => Promise<boolean>) {
      ready = watched
    },
    endWatch() {
      ending = true
    },
  }
  const target = parseHostAndPort(address)
  if (target === undefined) return { ...controls, url: undefined, close: async () => undefined }
  const server = buildHealthServer({ ready: () => ready(), ending: () => ending })
  await listenOn(
    async ({ host, port }) => {
      server.listen(port, host)
      await once(server, 'listening')
    },
    'HEALTH_BIND',
    target,
  )
  const { address: host, port } = server.address() as AddressInfo
  return {
    ...controls,
    url: `http://${urlHost(host)}:${port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
