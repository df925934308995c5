import type { Device } from './device.ts'
import { deliver, interrupt } from './fault-delivery.ts'
import type { Message } from './faults.ts'
import type { SocketWire } from './wire.ts'

/** `true`: go on; `false`: nothing more follows from here. Synchronous where nothing has to be waited for. */
export type Step = boolean | Promise<boolean>

/** Every message of a connection leaves through here, so that a fault can strike any of them. */
export class Outbox {
  readonly #device: Device
  readonly #wire: SocketWire
  readonly #log: (line: string) => void

  constructor(device: Device, wire: SocketWire, log: (line: string) => void) {
    this.#device = device
    this.#wire = wire
    this.#log = log
  }

  /** Takes over the frame, which is wiped. */
  send(message: Message, frame: Buffer): Step {
    const fault = this.#device.faults?.pick(message)
    if (fault === undefined) return this.#wire.send(frame)
    this.#struck(message, fault.kind)
    return deliver(fault, frame, this.#wire)
  }

  /** For the points of a connection's life where nothing is sent, but something can go wrong. */
  passes(message: Message): Step {
    const fault = this.#device.faults?.pick(message)
    if (fault === undefined) return true
    this.#struck(message, fault.kind)
    return interrupt(fault, this.#wire)
  }

  #struck({ stage, operation, key }: Message, kind: string): void {
    this.#device.stats.faults += 1
    this.#log(`fault ${kind} at ${[stage, operation, key].filter((part) => part !== undefined).join(' ')}`)
  }
}
