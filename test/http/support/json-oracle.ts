const STRING = /"(?:[^"\\]|\\.)*"/gs

const encode = (text: string): string => Buffer.from(text, 'utf16le').toString('hex')
const decode = (text: string): string => Buffer.from(text, 'hex').toString('utf16le')

const withoutEscapes = (spelling: string): string => {
  try {
    return `"${encode(JSON.parse(spelling))}"`
  } catch {
    return spelling
  }
}

const restore = (value: unknown): unknown => {
  if (typeof value === 'string') return decode(value)
  if (Array.isArray(value)) return value.map(restore)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [decode(name), restore(inner)]))
}

/**
 * What JSON.parse gives, by way of a text without escapes. The JSON.parse of Node 26.10 (V8 14.6) is no oracle for
 * names with escapes: where it has seen a name such as `pr\`, in an object literal even, it takes `"pr\u0076"` in
 * the same place for it.
 *
 * @throws SyntaxError as JSON.parse does
 */
export const parseJson = (text: string): unknown => restore(JSON.parse(text.replace(STRING, withoutEscapes)))
