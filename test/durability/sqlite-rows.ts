import { createHash } from 'node:crypto'
import type { PrivateKeyRow } from '../../src/ports/key-repository.port.ts'
import { rowOf } from '../contracts/key-repository/samples.ts'

/** Up to a few hundred pages of the database, so that a kill meets many of them half-way. */
const MAX_REPEATS = 6_000

/** The whole row follows from its pub, so that what is found can be compared without having seen it before. */
export const rowNamed = (pub: string): PrivateKeyRow => {
  const digest = createHash('sha256').update(pub).digest()
  const repeats = digest.readUInt16BE(0) % MAX_REPEATS
  return rowOf({
    pub,
    encryptedPrv: `{"ct":"${digest.toString('hex').repeat(repeats)}"}`,
    encryptedDataKey: `token ${digest.toString('base64url')}`,
  })
}
