import { hostname } from 'node:os'
import type { FillRandom } from '../domain/random.ts'

const MAX_HOST_LENGTH = 32

/** Unlike that of any instance that ever ran: 1 to 64 characters of A-Z, a-z, 0-9, `_` and `-`. */
export const newInstanceId = (random: FillRandom): string => {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .slice(0, MAX_HOST_LENGTH)
  const suffix = Buffer.from(random(new Uint8Array(8))).toString('hex')
  return `${host}-${process.pid}-${suffix}`
}
