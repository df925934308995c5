import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonPost, KEY, testApp } from './support/app.ts'
import { refused } from './support/refused.ts'

const without = (field: string) => Object.fromEntries(Object.entries(KEY).filter(([name]) => name !== field))
const ASCII_1024 = '1 to 1024 printable ASCII characters'
const ASCII_64 = '1 to 64 printable ASCII characters'

const INVALID: readonly (readonly [field: string, value: unknown, expected: string])[] = [
  ...['', 'x'.repeat(1_025), 'é', 'a\nb', 7, null, ['a'], {}].map(
    (value) => ['pub', value, ASCII_1024] as const,
  ),
  ...['', 'x'.repeat(65), 'é', '\u007f', 7, null].map((value) => ['coin', value, ASCII_64] as const),
  ...['', 'x'.repeat(65), 'é', true].map((value) => ['type', value, ASCII_64] as const),
  ...['bitgo', 'User', '', 1, null, ['user']].map(
    (value) => ['source', value, 'one of user, backup'] as const,
  ),
  ...[7, null, true, ['a'], { a: 'b' }].map((value) => ['prv', value, 'a string'] as const),
]

for (const [field, value, expected] of INVALID) {
  test(`400 names the field: ${field} of ${JSON.stringify(value).slice(0, 20)}`, async () => {
    const request = jsonPost('/key', { ...KEY, [field]: value })
    await refused(request, 400, 'validation_failed', `${field} must be ${expected}.`)
  })
}

for (const field of Object.keys(KEY)) {
  test(`400 names the field that is missing: ${field}`, async () => {
    const request = jsonPost('/key', without(field))
    await refused(request, 400, 'validation_failed', new RegExp(`^${field} is required; it must be `))
  })
}

test('400 names keyType and encryptedKey', async () => {
  const keyType = /^keyType (must be|is required; it must be) a string\.$/
  await refused(jsonPost('/generateDataKey', { keyType: 256 }), 400, 'validation_failed', keyType)
  await refused(jsonPost('/generateDataKey', {}), 400, 'validation_failed', keyType)
  for (const body of [{}, { encryptedKey: null }, { encryptedKey: ['a'] }]) {
    await refused(jsonPost('/decryptDataKey', body), 400, 'validation_failed', /^encryptedKey .*a string\.$/)
  }
})

for (const keyType of ['RSA-2048', 'ECDSA-P256', 'aes-256', '']) {
  test(`keyType ${keyType} is not supported`, async () => {
    await refused(jsonPost('/generateDataKey', { keyType }), 400, 'key_type_unsupported')
  })
}

test('an encryptedKey of any other text has one error', async () => {
  for (const encryptedKey of ['', 'x', 'x'.repeat(100_000), '\u0000', 'é']) {
    await refused(jsonPost('/decryptDataKey', { encryptedKey }), 400, 'encrypted_key_invalid')
  }
})

for (const query of [
  '',
  '?source=',
  '?source=bitgo',
  '?source=user&source=user',
  '?source=user&source=backup',
  '?source[]=user',
  '?Source=user',
  '?source=%zz',
  '?source=user+',
]) {
  test(`400 names source: ${query}`, async () => {
    await refused(
      `/key/abc${query}`,
      400,
      'validation_failed',
      /^source (is required; it )?must be one of user, backup\.$/,
    )
  })
}

test('other query parameters are ignored', async (t) => {
  const { app } = testApp(t)
  await app.inject(jsonPost('/key', KEY))
  assert.equal((await app.inject(`/key/${KEY.pub}?a=1&a=2&source=user&__proto__=x`)).statusCode, 200)
})

for (const path of ['%', '%zz', 'a%2', '%ff', '%c3%28', '%ed%a0%80', '']) {
  test(`400 names pub: /key/${path}`, async () => {
    await refused(`/key/${path}?source=user`, 400, 'validation_failed', /^pub must be /)
  })
}

for (const path of ['%00', '%C3%A9', 'x'.repeat(1_025)]) {
  test(`400 names pub where it is not printable ASCII: /key/${path.slice(0, 10)}`, async () => {
    await refused(`/key/${path}?source=user`, 400, 'validation_failed', `pub must be ${ASCII_1024}.`)
  })
}

test('400 names prv where it is empty', async () => {
  await refused(
    jsonPost('/key', { ...KEY, prv: '' }),
    400,
    'validation_failed',
    'prv must be a string that is not empty.',
  )
})

for (const prefix of ['xprv', 'tprv', 'yprv', 'zprv', 'Zprv', 'uprv', 'vprv', 'XPRV']) {
  test(`a pub that begins like a private key is refused, and written down nowhere: ${prefix}`, async (t) => {
    const pub = `${prefix}9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKm`
    const { app, log } = testApp(t)
    for (const request of [
      jsonPost('/key', { ...KEY, pub }),
      { method: 'GET' as const, url: `/key/${pub}?source=user` },
    ]) {
      const answer = await app.inject(request)
      assert.equal(answer.statusCode, 400)
      assert.match(answer.json().message, /^pub must be a public name, not what begins like a private key\.$/)
      assert.ok(!answer.body.includes('9s21Zr'))
    }
    assert.ok(log.length > 0)
    assert.ok(!JSON.stringify(log).includes('9s21Zr'))
  })
}
