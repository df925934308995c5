import { Socket } from 'node:net'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { encodeFrame, type Frame, FrameReader } from '../channel/frames.ts'
import { ownBuffer, REPLY, wipe } from '../channel/messages.ts'
import { refusalOf } from './refusal.ts'
import { answer } from './requests.ts'

/**
 * The process that owns a vendor's library, which may block, hang or crash in here. It lives as long as its
 * parent: its channel ends with it, and where this thread is inside a call that never returns, the watchdog
 * sees the same on a channel of its own.
 */
const CHANNEL = 3
const READ_BYTES = 65_536

const end = (): void => void process.kill(process.pid, 'SIGKILL')

new Worker(new URL(`./watchdog${extname(import.meta.url)}`, import.meta.url), { execArgv: [] }).unref()

// A terminal sends its signals to every process; the parent says when this one is to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const send = (id: number, kind: number, fields: readonly Uint8Array[]): void => {
  const frame = encodeFrame(id, kind, fields)
  channel.write(frame, () => wipe(frame))
}

const serve = async ({ id, kind, fields }: Frame): Promise<void> => {
  try {
    const reply = await answer(kind, fields)
    send(id, REPLY.done, reply)
    wipe(...reply)
  } catch (error) {
    const { refusal, message } = refusalOf(error)
    send(id, REPLY.refused, [Buffer.from(refusal), Buffer.from(message)])
  } finally {
    wipe(...fields)
  }
}

const reader = new FrameReader((frame) => void serve(frame))

// Reads into memory of ours: what Node allocates for each read it frees without wiping.
const channel = new Socket({
  fd: CHANNEL,
  readable: true,
  writable: true,
  onread: {
    buffer: ownBuffer(READ_BYTES),
    callback: (length: number, bytes: Uint8Array): boolean => {
      reader.accept(bytes.subarray(0, length))
      return true
    },
  },
} as ConstructorParameters<typeof Socket>[0])
channel.on('error', end)
channel.on('end', end)
channel.on('close', end)
channel.resume()
