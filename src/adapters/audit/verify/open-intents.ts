import type { StoredRecord } from './stored-record.ts'

/** Something that was begun, and nobody recorded how it ended. */
export interface OpenIntent {
  readonly sequence: number
  readonly time: string
  readonly requestId: string
  readonly operation: string
  readonly tenant: string
  readonly pub: string
  readonly source: string
}

/** Pairs every intent with the outcome of the same request. */
export class OpenIntents {
  readonly #open = new Map<string, OpenIntent[]>()

  see({ kind, phase, requestId = '', operation = '', identity, seq: sequence, time }: StoredRecord): void {
    if (kind !== 'operation') return
    const { tenant = '', pub = '', source = '' } = identity ?? {}
    const key = JSON.stringify([requestId, operation, tenant, source, pub])
    const waiting = this.#open.get(key) ?? []
    if (phase === 'intent') {
      this.#open.set(key, [...waiting, { sequence, time, requestId, operation, tenant, pub, source }])
    } else if (waiting.length > 1) {
      this.#open.set(key, waiting.slice(1))
    } else {
      this.#open.delete(key)
    }
  }

  list(): readonly OpenIntent[] {
    return [...this.#open.values()].flat().sort((a, b) => a.sequence - b.sequence)
  }
}
