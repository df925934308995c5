import fc from 'fast-check'

export type Pair = readonly [name: string, value: string]

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

const hex = (unit: string, upper: boolean): string => {
  const digits = unit.charCodeAt(0).toString(16).padStart(4, '0')
  return `\\u${upper ? digits.toUpperCase() : digits}`
}

/** One character of the text in one of its spellings; both halves of a pair in the same. */
const spell = (character: string, choice: number): string => {
  const units = [...Array(character.length).keys()].map((at) => character.charAt(at))
  const escaped = units.map((unit) => hex(unit, choice % 2 === 0)).join('')
  if (choice < 4) return escaped
  if (choice < 8 && SHORT[character] !== undefined) return SHORT[character]
  const mustEscape = character === '"' || character === '\\' || character < ' '
  return mustEscape || !character.isWellFormed() ? escaped : character
}

/** A JSON string that says this text. */
export const textOf = (text: string): fc.Arbitrary<string> => {
  const characters = Array.from(text)
  return fc
    .array(fc.nat({ max: 11 }), { minLength: characters.length, maxLength: characters.length })
    .map((choices) => `"${characters.map((character, at) => spell(character, choices[at] ?? 0)).join('')}"`)
}

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 2 })

const anyText = fc.string({ unit: 'grapheme', maxLength: 12 }).chain(textOf)

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('-0', '0.0', '1e5', '1E+5', '1e-5', '123456789012345678901234567890', '1e400', '-1.5E3'),
)

/** Any JSON value, as text. */
const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'json' },
    anyText,
    number,
    fc.constantFrom('true', 'false', 'null'),
    tie('array'),
    tie('object'),
  ),
  array: fc
    .array(
      fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
      { maxLength: 4, depthIdentifier: 'json' },
    )
    .map((items) => `[${items.join(',')}]`),
  object: fc
    .array(fc.tuple(space, anyText, space, tie('value'), space), { maxLength: 4, depthIdentifier: 'json' })
    .map((members) => `{${members.map(([a, name, b, v, c]) => `${a}${name}${b}:${v}${c}`).join(',')}}`),
}))

/** A JSON object, many of whose members have one of these names, in any spelling, twice at times. */
export const bodyText = (names: readonly string[]): fc.Arbitrary<string> => {
  const name = fc.oneof(
    fc.constantFrom(...names).chain(textOf),
    anyText,
    fc.constantFrom('"__proto__"', '"constructor"', '"toString"', '""'),
  )
  const member = fc
    .tuple(space, name, space, space, fc.oneof(anyText, value), space)
    .map(([a, n, b, c, v, d]) => `${a}${n}${b}:${c}${v}${d}`)
  return fc
    .tuple(space, fc.array(member, { maxLength: 8 }), space)
    .map(([before, members, after]) => `${before}{${members.join(',')}}${after}`)
}
