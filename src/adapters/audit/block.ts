import type { KeyObject } from 'node:crypto'
import { checkpointLine } from './checkpoint.ts'
import { type Position, type RecordBody, sha256, startOf } from './record.ts'

/** Records that go to disk together, ended by a checkpoint. */
export class Block {
  #position: Position
  #text = ''

  constructor(after: Position) {
    this.#position = after
  }

  /** @returns its number */
  add(time: Date, { kind, ...rest }: RecordBody): number {
    return this.#append(JSON.stringify({ ...startOf(this.#position, time, kind), ...rest }))
  }

  /** @returns the bytes, and where the chain ends when they are on disk */
  async seal(
    time: Date,
    instance: string,
    key: KeyObject,
  ): Promise<{ readonly bytes: Buffer; readonly position: Position }> {
    this.#append(await checkpointLine(this.#position, time, instance, key))
    return { bytes: Buffer.from(this.#text, 'utf8'), position: this.#position }
  }

  #append(line: string): number {
    const sequence = this.#position.sequence + 1
    this.#text += `${line}\n`
    this.#position = { sequence, hash: sha256(line) }
    return sequence
  }
}
