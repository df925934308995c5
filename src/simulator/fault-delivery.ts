import type { Fault } from './faults.ts'
import { errorFrame, replyFrame } from './frames.ts'
import { HEADER_BYTES } from './protocol.ts'

/** What a fault may do to a connection. */
export interface Wire {
  /** One record, wiped once it is out; `false` if the connection ended instead. */
  write(bytes: Buffer): Promise<boolean>
  fin(): void
  rst(): void
  closeNotify(): void
  /** `false` if the connection ended meanwhile. */
  delay(ms: number): Promise<boolean>
  /** Between two writes, for the peer to see two. */
  readonly splitDelayMs: number
}

const UNKNOWN_ID = 12_345_678
const UNSOLICITED_AFTER_MS = 20

/**
 * The faults that need no message.
 *
 * @returns whether what was about to happen still happens
 */
export const interrupt = async (fault: Fault, wire: Wire): Promise<boolean> => {
  switch (fault.kind) {
    case 'silent':
      return false
    case 'fin':
      wire.fin()
      return false
    case 'rst':
      wire.rst()
      return false
    case 'close-notify':
      wire.closeNotify()
      return false
    case 'error':
      // In plain TCP the ack may be on its way.
      if (await wire.delay(wire.splitDelayMs)) await wire.write(errorFrame(fault.code))
      return false
    case 'late':
      return await wire.delay(fault.ms)
    default:
      return true
  }
}

const enlarge = (frame: Buffer, extra: number): Buffer => {
  const larger = Buffer.from(new ArrayBuffer(frame.length + extra))
  larger.set(frame)
  if (frame.length >= HEADER_BYTES) larger.writeUInt32LE(larger.length - HEADER_BYTES, 4)
  return larger
}

const append = (frame: Buffer, tail: Buffer): Buffer => {
  const both = Buffer.from(new ArrayBuffer(frame.length + tail.length))
  both.set(frame)
  both.set(tail, frame.length)
  return both
}

const writeSplit = async (wire: Wire, frame: Buffer, at: number, delayMs: number): Promise<void> => {
  if (at > 0) await wire.write(frame.subarray(0, at))
  if (at < frame.length && (await wire.delay(delayMs))) await wire.write(frame.subarray(at))
}

const sendUnsolicited = async (wire: Wire, afterMs: number): Promise<void> => {
  if (await wire.delay(afterMs)) await wire.write(replyFrame())
}

const transform = async (fault: Fault, frame: Buffer, wire: Wire): Promise<void> => {
  switch (fault.kind) {
    case 'split':
      await writeSplit(wire, frame, fault.at, fault.delayMs ?? wire.splitDelayMs)
      return
    case 'merge':
      await wire.write(append(frame, replyFrame()))
      return
    case 'surplus':
      await wire.write(frame)
      if (await wire.delay(wire.splitDelayMs)) await wire.write(replyFrame())
      return
    case 'unsolicited':
      await wire.write(frame)
      // Not waited for: meanwhile the connection works on, which is the point.
      void sendUnsolicited(wire, fault.afterMs ?? UNSOLICITED_AFTER_MS)
      return
    case 'short':
      if (fault.bytes > 0) await wire.write(frame.subarray(0, fault.bytes))
      return
    case 'oversize':
      await wire.write(enlarge(frame, fault.bytes))
      return
    case 'unknown-id':
      frame.writeUInt32LE(fault.id ?? UNKNOWN_ID, 0)
      break
    case 'lying-length':
      if (frame.length >= HEADER_BYTES) frame.writeUInt32LE(fault.length, 4)
      break
    case 'wrong-key':
      for (let i = HEADER_BYTES; i < frame.length; i++) frame[i] = ~(frame[i] as number)
      break
  }
  await wire.write(frame)
}

/**
 * Sends a message the way the fault wants it; the message is wiped.
 *
 * @returns whether the connection goes on as if the message had been sent
 */
export const deliver = async (fault: Fault, frame: Buffer, wire: Wire): Promise<boolean> => {
  try {
    if (!(await interrupt(fault, wire))) return false
    await transform(fault, frame, wire)
    return true
  } finally {
    frame.fill(0)
  }
}
