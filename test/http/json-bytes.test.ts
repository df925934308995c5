import assert from 'node:assert/strict'
import { test } from 'node:test'
import type * as Secrets from '../../src/domain/secret-bytes.ts'
import { jsonObject } from '../../src/http/responses/json-bytes.ts'

/** As a provider has it that was built with a copy of its own. */
const OTHER_COPY: string = '../../src/domain/secret-bytes.ts?another-copy'

test('a secret of another copy of the class is written like any other', async () => {
  const { SecretBytes } = (await import(OTHER_COPY)) as typeof Secrets
  using prv = SecretBytes.fromUtf8('a "quoted" secret\n')
  using json = jsonObject({ first: 'plain', prv, last: 'é' })
  assert.deepEqual(JSON.parse(json.bytes.toString()), {
    first: 'plain',
    prv: 'a "quoted" secret\n',
    last: 'é',
  })
})
