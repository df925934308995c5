/**
 * Alterations that a reader of SJCL's JSON could be made to swallow, or to spend its time on. All can be told
 * from the text alone, before a key is derived.
 *
 * @param envelope of 10,000 rounds and an iv of 16 bytes
 */
export const hostileEnvelopes = function* (
  envelope: string,
): Generator<readonly [what: string, text: string]> {
  const members: { ct: string } = JSON.parse(envelope)
  const ct = Buffer.from(members.ct, 'base64')
  const changed = (change: object): string => JSON.stringify({ ...members, ...change })
  const values: readonly [member: string, values: readonly unknown[]][] = [
    ['iter', [1e9, 100_001, 99, 1, 0, -1, -10_000, 10_000.5, 1e21, '10000', null, true, [10_000], {}]],
    ['v', [0, 2, '1', null]],
    ['ks', [128, 192, 0, '256']],
    ['ts', [64, 96, 0, 8, '128']],
    ['mode', ['gcm', 'ocb2', 'CCM', '', 'toString', '__proto__', 1]],
    ['cipher', ['', 'AES', 'constructor', null]],
    [
      'salt',
      ['', 'AAAAAAAAAA==', 'A'.repeat(87), Buffer.alloc(65).toString('base64'), 'A'.repeat(1_000_000), 1],
    ],
    [
      'iv',
      ['', Buffer.alloc(11).toString('base64'), Buffer.alloc(17).toString('base64'), 'A'.repeat(23), null],
    ],
    ['ct', ['', Buffer.alloc(15).toString('base64'), 'A'.repeat(2 * 1024 * 1024), null]],
    ['adata', ['', 'AAAA', null, []]],
  ]
  for (const [member, list] of values) {
    for (const value of list)
      yield [`${member}: ${JSON.stringify(value).slice(0, 40)}`, changed({ [member]: value })]
  }
  for (const [name, value] of Object.entries(members)) {
    const rest = Object.fromEntries(Object.entries(members).filter(([other]) => other !== name))
    const text = JSON.stringify(value)
    yield [`without ${name}`, JSON.stringify(rest)]
    yield [`${name} twice`, `${envelope.slice(0, -1)},"${name}":${text}}`]
    yield [`${name} twice, another missing`, `${JSON.stringify(rest).slice(0, -1)},"x":${text}}`]
    yield [
      `${name} with an escape`,
      envelope.replace(`"${name}":`, `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}":`),
    ]
    yield [`${name} unquoted`, envelope.replace(`"${name}":`, `${name}:`)]
    yield [`${name} in other quotes`, envelope.replace(`"${name}":`, `'${name}':`)]
    yield [`${name} after white space`, envelope.replace(`"${name}":`, `"${name}": `)]
    yield [`${name} in capitals`, envelope.replace(`"${name}":`, `"${name.toUpperCase()}":`)]
  }
  yield ['an unknown member', changed({ kemtag: 'AAAA' })]
  yield ['a prototype', `${envelope.slice(0, -1)},"__proto__":{}}`]
  yield ['iter as 1e4', envelope.replace('"iter":10000', '"iter":1e4')]
  yield ['iter as 010000', envelope.replace('"iter":10000', '"iter":010000')]
  yield ['iter as 10000.0', envelope.replace('"iter":10000', '"iter":10000.0')]
  yield ['base64 without padding', envelope.replaceAll('=', '')]
  yield ['base64 for URLs', changed({ ct: Buffer.alloc(ct.length, 0xff).toString('base64url') })]
  yield ['ct in other quotes', envelope.replace(/"ct":"(.*)"/, `"ct":'$1'`)]
  yield ['trailing bits in the iv', envelope.replace(/"iv":"(.{21}).==/, '"iv":"$1h==')]
  yield ['an array', `[${envelope}]`]
  yield ['a text', JSON.stringify(envelope)]
  yield ['a byte order mark', `\ufeff${envelope}`]
  yield ['no braces', envelope.slice(1, -1)]
}
