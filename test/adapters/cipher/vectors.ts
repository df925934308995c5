import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'

/** Byte strings are standard base64. A long envelope is known by its hash: the parts make it again. */
export interface EnvelopeVector {
  readonly name: string
  readonly dataKey: string
  readonly context: string
  readonly iterations: number
  readonly salt: string
  readonly iv: string
  readonly plaintext: { readonly text: string } | { readonly printable: number } | { readonly bytes: number }
  readonly envelope: { readonly text: string } | { readonly sha256: string }
}

export const VECTOR_FILES = ['envelope-sjcl-package.json', 'envelope-cofre.json'] as const

export const vectorPath = (file: (typeof VECTOR_FILES)[number]): URL =>
  new URL(`../../vectors/${file}`, import.meta.url)

export const readVectors = (file: (typeof VECTOR_FILES)[number]): readonly EnvelopeVector[] =>
  JSON.parse(readFileSync(vectorPath(file), 'utf8')).vectors

/** Numbers of bytes: `printable` goes through ASCII in steps of 7, `bytes` through all values. */
export const plaintextOf = ({ plaintext }: Pick<EnvelopeVector, 'plaintext'>): SecretBytes => {
  if ('text' in plaintext) return SecretBytes.fromUtf8(plaintext.text)
  const [length, byteAt] =
    'printable' in plaintext
      ? [plaintext.printable, (i: number) => 0x20 + ((i * 7) % 95)]
      : [plaintext.bytes, (i: number) => (0xff + i * 167 + (i >> 8)) & 0xff]
  return SecretBytes.take(Uint8Array.from({ length }, (_, i) => byteAt(i)))
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
