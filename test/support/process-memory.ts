import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const CHUNK_BYTES = 8 * 1024 * 1024

export interface Needle {
  readonly name: string
  readonly bytes: Buffer
}

export interface Hit {
  readonly name: string
  readonly address: string
  /** What the kernel calls the region: `[heap]`, a file, or nothing for anonymous memory. */
  readonly region: string
}

interface Region {
  readonly start: number
  readonly end: number
  readonly name: string
}

/**
 * What the process can read and write and has touched; its program text and the kernel's own pages hold nothing of
 * ours.
 */
const touchedRegions = (pid: number): readonly Region[] =>
  readFileSync(`/proc/${pid}/smaps`, 'utf8')
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((entry) => /^\S+ rw/.test(entry) && !/^Rss:\s+0 kB$/m.test(entry))
    .map((entry) => /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ *(.*)$/m.exec(entry))
    .filter((match) => match !== null)
    .map(([, start = '', end = '', name = '']) => ({
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      name,
    }))

/** Every place at which a needle stands in the memory of a running process. Linux, and the right to trace it. */
export const searchMemory = (pid: number, needles: readonly Needle[]): readonly Hit[] => {
  const longest = Math.max(...needles.map(({ bytes }) => bytes.length))
  const hits: Hit[] = []
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const chunk = Buffer.alloc(CHUNK_BYTES + longest)
  try {
    for (const { start, end, name: region } of touchedRegions(pid)) {
      for (let at = start; at < end; at += CHUNK_BYTES) {
        const wanted = Math.min(CHUNK_BYTES + longest - 1, end - at)
        const read = tryRead(memory, chunk, wanted, at)
        const part = chunk.subarray(0, read)
        for (const { name, bytes } of needles) {
          for (let found = part.indexOf(bytes); found >= 0; found = part.indexOf(bytes, found + 1)) {
            if (found < CHUNK_BYTES) hits.push({ name, address: (at + found).toString(16), region })
          }
        }
        part.fill(0)
      }
    }
  } finally {
    chunk.fill(0)
    closeSync(memory)
  }
  return hits
}

/** A region may be gone again by the time it is read. */
const tryRead = (memory: number, chunk: Buffer, length: number, position: number): number => {
  try {
    return readSync(memory, chunk, 0, length, position)
  } catch {
    return 0
  }
}

const FRAGMENT_BYTES = 32

/** The middle of a secret text as bytes, as a two-byte string, and as base64 in its three alignments. */
export const needlesOfText = (name: string, text: string): readonly Needle[] => {
  const middle = Math.max(0, Math.floor((text.length - FRAGMENT_BYTES) / 2))
  const fragment = text.slice(middle, middle + FRAGMENT_BYTES)
  const base64 = [0, 1, 2].map((shift) => ({
    name: `${name} as base64 (${shift})`,
    bytes: Buffer.from(Buffer.from(fragment.slice(shift, shift + 24)).toString('base64')),
  }))
  return [
    { name: `${name} as bytes`, bytes: Buffer.from(fragment) },
    { name: `${name} as a two-byte string`, bytes: Buffer.from(fragment, 'utf16le') },
    ...base64,
  ]
}

/** A key as it is, as base64 text, as that in two bytes, and as hex. */
export const needlesOfKey = (name: string, key: Buffer): readonly Needle[] => {
  const base64 = key.toString('base64').slice(0, 40)
  return [
    { name: `${name} raw`, bytes: Buffer.from(key) },
    { name: `${name} as base64`, bytes: Buffer.from(base64) },
    { name: `${name} as a two-byte base64 string`, bytes: Buffer.from(base64, 'utf16le') },
    { name: `${name} as hex`, bytes: Buffer.from(key.toString('hex')) },
  ]
}
