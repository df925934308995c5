import { hkdfSync, pbkdf2Sync, randomBytes } from 'node:crypto'
import { type Needle, needlesOfKey, needlesOfText } from '../../support/process-memory.ts'
import type { MemoryBench } from './memory-bench.ts'

/** Needs no escape in JSON, and stands nowhere else in the world. */
export const secretText = (length: number): string =>
  randomBytes(length).toString('base64url').slice(0, length)

const hkdf = (key: Buffer, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), info, 32))

/** A data key, and the key that its token's tag is made with. */
export const needlesOfDataKey = (name: string, key: Buffer): readonly Needle[] => [
  ...needlesOfKey(name, key),
  ...needlesOfKey(`the tag key of ${name}`, hkdf(key, 'cofre/token-tag/v1')),
]

const envelopeKey = (envelope: string, dataKey: Buffer): Buffer => {
  const { format, salt = '', iter } = JSON.parse(envelope) as { format?: string; salt?: string; iter: number }
  if (format !== undefined) return hkdf(dataKey, 'cofre/a256gcm/v1')
  return pbkdf2Sync(dataKey.toString('base64'), Buffer.from(salt, 'base64'), iter, 32, 'sha256')
}

/** The key that stands in a row, its data key, and what is derived of that. */
export const needlesOfRow = async (
  { row, dataKeyOf }: Pick<MemoryBench, 'row' | 'dataKeyOf'>,
  pub: string,
  prv: string,
): Promise<readonly Needle[]> => {
  const { encryptedPrv, encryptedDataKey } = row(pub)
  const dataKey = await dataKeyOf(encryptedDataKey)
  return [
    ...needlesOfText(`the key ${pub}`, prv),
    ...needlesOfDataKey(`the data key of ${pub}`, dataKey),
    ...needlesOfKey(`the envelope key of ${pub}`, envelopeKey(encryptedPrv, dataKey)),
  ]
}
