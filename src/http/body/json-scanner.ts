import { HttpError } from '../errors/http-error.ts'

export const MAX_DEPTH = 64

/** Where one member of the outermost object stands; an end is the index behind the last byte. */
export interface MemberSpan {
  /** The name between its quotes, escapes and all. */
  readonly nameStart: number
  readonly nameEnd: number
  /** The value; a string with its quotes. */
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const PLUS = 0x2b
const DOT = 0x2e
const ZERO = 0x30
const ARRAY = 0x5b
const ARRAY_END = 0x5d
const OBJECT = 0x7b
const OBJECT_END = 0x7d
const ESCAPED = new Set(Buffer.from('"\\/bfnrtu'))
const LITERALS: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
)

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= 0x39
const isHexDigit = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const malformed = (message?: string): HttpError =>
  new HttpError('malformed_json', message === undefined ? {} : { message })

/**
 * Walks a JSON text (RFC 8259) whose outermost value is an object, once, and tells where its members are: no
 * value becomes a string here. It accepts what JSON.parse accepts, but for the depth of nesting.
 *
 * @throws HttpError `malformed_json`
 */
class Scanner {
  readonly #bytes: Uint8Array
  readonly members: MemberSpan[] = []
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  document(): void {
    this.#skipSpace()
    if (this.#peek() !== OBJECT) {
      this.#value(1)
      this.#end()
      throw malformed('The body must be a JSON object.')
    }
    this.#object(1)
    this.#end()
  }

  #end(): void {
    this.#skipSpace()
    if (this.#at !== this.#bytes.length) throw malformed()
  }

  #peek(): number | undefined {
    return this.#bytes[this.#at]
  }

  #take(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false
    this.#at += 1
    return true
  }

  #need(byte: number): void {
    if (!this.#take(byte)) throw malformed()
  }

  #skipSpace(): void {
    while (isSpace(this.#peek())) this.#at += 1
  }

  #value(depth: number): void {
    const byte = this.#peek()
    if (byte === QUOTE) this.#string()
    else if (byte === OBJECT) this.#object(depth)
    else if (byte === ARRAY) this.#array(depth)
    else if (byte === MINUS || isDigit(byte)) this.#number()
    else this.#literal(byte)
  }

  #literal(first: number | undefined): void {
    const word = first === undefined ? undefined : LITERALS.get(first)
    if (word === undefined) throw malformed()
    for (const letter of word) this.#need(letter)
  }

  #object(depth: number): void {
    this.#open(OBJECT, depth)
    if (this.#take(OBJECT_END)) return
    do {
      this.#skipSpace()
      const nameStart = this.#at + 1
      this.#string()
      const nameEnd = this.#at - 1
      this.#skipSpace()
      this.#need(COLON)
      this.#skipSpace()
      const start = this.#at
      this.#value(depth + 1)
      if (depth === 1) this.members.push({ nameStart, nameEnd, start, end: this.#at })
      this.#skipSpace()
    } while (this.#take(COMMA))
    this.#need(OBJECT_END)
  }

  #array(depth: number): void {
    this.#open(ARRAY, depth)
    if (this.#take(ARRAY_END)) return
    do {
      this.#skipSpace()
      this.#value(depth + 1)
      this.#skipSpace()
    } while (this.#take(COMMA))
    this.#need(ARRAY_END)
  }

  /** Recursion is as deep as the text is nested: this is its bound. */
  #open(bracket: number, depth: number): void {
    if (depth > MAX_DEPTH) throw malformed(`The body must not be nested more than ${MAX_DEPTH} levels deep.`)
    this.#need(bracket)
    this.#skipSpace()
  }

  #string(): void {
    this.#need(QUOTE)
    const bytes = this.#bytes
    let at = this.#at
    for (;;) {
      const byte = bytes[at]
      at += 1
      if (byte === QUOTE) break
      if (byte === undefined || byte < 0x20) throw malformed()
      if (byte === BACKSLASH) at = this.#escape(at)
    }
    this.#at = at
  }

  #escape(at: number): number {
    const kind = this.#bytes[at]
    if (kind === undefined || !ESCAPED.has(kind)) throw malformed()
    if (kind !== 0x75) return at + 1
    for (let digit = at + 1; digit <= at + 4; digit += 1)
      if (!isHexDigit(this.#bytes[digit])) throw malformed()
    return at + 5
  }

  #number(): void {
    this.#take(MINUS)
    if (!this.#take(ZERO)) this.#digits()
    if (this.#take(DOT)) this.#digits()
    const byte = this.#peek()
    if (byte !== 0x65 && byte !== 0x45) return
    this.#at += 1
    if (!this.#take(PLUS)) this.#take(MINUS)
    this.#digits()
  }

  #digits(): void {
    if (!isDigit(this.#peek())) throw malformed()
    while (isDigit(this.#peek())) this.#at += 1
  }
}

/**
 * @returns the members of the outermost object in their order, duplicates too
 * @throws HttpError `malformed_json`
 */
export const scanMembers = (bytes: Uint8Array): readonly MemberSpan[] => {
  const scanner = new Scanner(bytes)
  scanner.document()
  return scanner.members
}
