import { createHash } from 'node:crypto'
import type { KeyDescription, KeyName } from '../../../src/domain/private-key.ts'

export interface WalletKey extends Omit<KeyDescription, 'tenant'> {
  readonly prv: string
}

/** One in so many is as large as a threshold share, so that a kill meets rows half-way. */
const LARGE_EVERY = 16
const LARGE_REPEATS = 5_000
const SMALL_REPEATS = 2

/** All of it follows from its identity, so that what is found can be judged without having seen it before. */
export const keyNamed = ({ pub, source }: KeyName): WalletKey => {
  const digest = createHash('sha256').update(`${source}:${pub}`).digest()
  const isLarge = digest.readUInt8(0) % LARGE_EVERY === 0
  const prv = digest.toString('hex').repeat(isLarge ? LARGE_REPEATS : SMALL_REPEATS)
  return { pub, source, coin: 'tbtc', type: isLarge ? 'tss' : 'independent', prv }
}

export const pathOf = ({ pub, source }: KeyName): string => `/key/${encodeURIComponent(pub)}?source=${source}`
