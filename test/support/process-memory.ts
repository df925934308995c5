import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const CHUNK_BYTES = 8 * 1024 * 1024
const PAGE_BYTES = 4096
/** An entry of `/proc/PID/pagemap` is 64 bits, of which the highest two say: present, and swapped. */
const ENTRY_BYTES = 8
const PRESENT_BITS = 62n

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

/** What the process can write: its program text and the kernel's own pages hold nothing of ours. */
const writableRegions = (pid: number): readonly Region[] =>
  readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, start = '', end = '', name = '']) => ({
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      name,
    }))

/** The runs of pages that hold anything, in memory or swapped out: most of what is mapped was never touched. */
function* touchedRuns(pagemap: number, { start, end, name }: Region): Generator<Region> {
  const pages = (end - start) / PAGE_BYTES
  const entries = new BigUint64Array(pages)
  tryRead(pagemap, new Uint8Array(entries.buffer), entries.byteLength, (start / PAGE_BYTES) * ENTRY_BYTES)
  for (let first = 0; first < pages; first++) {
    if ((entries[first] as bigint) >> PRESENT_BITS === 0n) continue
    let last = first
    while (last < pages && (entries[last] as bigint) >> PRESENT_BITS !== 0n) last++
    yield { start: start + first * PAGE_BYTES, end: start + last * PAGE_BYTES, name }
    first = last
  }
}

const WORD_BYTES = 4
const hashOf = (word: number): number => Math.imul(word, 0x9e3779b1) >>> 16

/** Where the words of the needles are looked up: a needle that stands anywhere has one of its first four at an aligned address. */
class NeedleIndex {
  readonly longest: number
  readonly #mayBe = new Uint8Array(0x10000)
  readonly #places = new Map<number, { readonly needle: Needle; readonly shift: number }[]>()

  constructor(needles: readonly Needle[]) {
    this.longest = Math.max(...needles.map(({ bytes }) => bytes.length))
    for (const needle of needles) {
      for (let shift = 0; shift < WORD_BYTES; shift++) {
        const word = needle.bytes.readUInt32LE(shift)
        this.#mayBe[hashOf(word)] = 1
        this.#places.set(word, [...(this.#places.get(word) ?? []), { needle, shift }])
      }
    }
  }

  /** @param memory begins at an aligned address; needles that begin at `end` or later are not told */
  search(memory: Buffer, end: number, found: (needle: Needle, at: number) => void): void {
    const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >> 2)
    const mayBe = this.#mayBe
    for (let index = 0; index < words.length; index++) {
      const word = words[index] as number
      if (mayBe[hashOf(word)] === 0) continue
      for (const { needle, shift } of this.#places.get(word) ?? []) {
        const at = index * WORD_BYTES - shift
        if (at < 0 || at >= end) continue
        if (memory.subarray(at, at + needle.bytes.length).equals(needle.bytes)) found(needle, at)
      }
    }
  }
}

/**
 * Every place at which a needle stands in the memory of a running process, in one pass. Linux, and the right to
 * trace it.
 *
 * @param needles of at least 7 bytes
 */
export const searchMemory = (pid: number, needles: readonly Needle[]): readonly Hit[] => {
  const index = new NeedleIndex(needles)
  const hits: Hit[] = []
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r')
  const chunk = Buffer.from(new ArrayBuffer(CHUNK_BYTES + index.longest + WORD_BYTES))
  try {
    const runs = writableRegions(pid).flatMap((region) => [...touchedRuns(pagemap, region)])
    for (const { start, end, name: region } of runs) {
      for (let at = start; at < end; at += CHUNK_BYTES) {
        const part = chunk.subarray(0, tryRead(memory, chunk, Math.min(chunk.length, end - at), at))
        index.search(part, CHUNK_BYTES, ({ name }, found) =>
          hits.push({ name, address: (at + found).toString(16), region }),
        )
      }
    }
  } finally {
    chunk.fill(0)
    closeSync(memory)
    closeSync(pagemap)
  }
  return hits
}

/** A region may be gone again by the time it is read. */
const tryRead = (memory: number, chunk: Uint8Array, length: number, position: number): number => {
  try {
    return readSync(memory, chunk, 0, length, position)
  } catch {
    return 0
  }
}

const FRAGMENT_BYTES = 24
/** The allocator writes over the beginning of what was freed. */
const OVERWRITTEN_BYTES = 32

/**
 * A secret text as bytes (near its beginning, in its middle and at its end: what is overwritten in part is a copy,
 * too), and its middle as a two-byte string and as base64 in the three alignments. At least 80 characters.
 */
export const needlesOfText = (name: string, text: string): readonly Needle[] => {
  const last = text.length - FRAGMENT_BYTES
  const middle = text.slice(last >> 1, (last >> 1) + FRAGMENT_BYTES)
  const pieces = [OVERWRITTEN_BYTES, last >> 1, last].map((from) => ({
    name: `${name} as bytes (from ${from})`,
    bytes: Buffer.from(text.slice(from, from + FRAGMENT_BYTES)),
  }))
  const base64 = [0, 1, 2].map((shift) => ({
    name: `${name} as base64 (${shift})`,
    bytes: Buffer.from(Buffer.from(middle.slice(shift, shift + 21)).toString('base64')),
  }))
  return [
    ...pieces,
    { name: `${name} as a two-byte string`, bytes: Buffer.from(middle, 'utf16le') },
    ...base64,
  ]
}

/** The latter half of a key as it is, as base64 text, as that in two bytes, and as hex. At least 32 bytes. */
export const needlesOfKey = (name: string, key: Buffer): readonly Needle[] => {
  const half = key.subarray(key.length >> 1)
  const base64 = key.toString('base64').slice(-24)
  return [
    { name: `${name} raw`, bytes: Buffer.from(half) },
    { name: `${name} as base64`, bytes: Buffer.from(base64) },
    { name: `${name} as a two-byte base64 string`, bytes: Buffer.from(base64, 'utf16le') },
    { name: `${name} as hex`, bytes: Buffer.from(half.toString('hex')) },
  ]
}
