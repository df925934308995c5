import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DinamoConfigurationSchema } from '../../../../src/adapters/hsm/dinamo/configuration.ts'
import { readSettings } from '../../../../src/config/read-settings.ts'

const RIGHT = {
  DINAMO_HOST: 'hsm.example',
  DINAMO_USERNAME: 'kms',
  DINAMO_PASSWORD: 'password',
  DINAMO_CERT_SHA256: 'a'.repeat(64),
}

test('variables that the SDK reads by itself are refused by name', () => {
  assert.deepEqual(readSettings(DinamoConfigurationSchema, RIGHT).problems, [])
  for (const name of ['HSM_LOG_LEVEL', 'HSM_LOG_DIR']) {
    const { problems } = readSettings(DinamoConfigurationSchema, { ...RIGHT, [name]: '3' })
    assert.deepEqual(problems, [`${name} is "3": it must be left unset`])
  }
})
