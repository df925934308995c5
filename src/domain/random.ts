import { randomFillSync } from 'node:crypto'

/** Fills the bytes with randomness and returns them; replaced where a test needs known values. */
export type FillRandom = <T extends Uint8Array>(bytes: T) => T

export const systemRandom: FillRandom = (bytes) => randomFillSync(bytes)

export type Clock = () => Date

export const systemClock: Clock = () => new Date()

export type Sleep = (ms: number) => Promise<void>

export const systemSleep: Sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
