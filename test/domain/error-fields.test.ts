import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorFields } from '../../src/domain/error-fields.ts'
import { KmsError } from '../../src/domain/errors.ts'
import { HttpError } from '../../src/http/errors/http-error.ts'

test('errors of the service, and what they wrap, are told with their texts', () => {
  const cause = new Error('ECONNRESET of the store')
  for (const error of [
    new KmsError('store_unavailable', { cause }),
    new HttpError('bad_request', { cause }),
  ]) {
    const [own, wrapped] = errorFields(error)
    assert.equal(own?.message, error.message)
    assert.equal(own?.code, error.code)
    assert.equal(wrapped?.message, cause.message)
  }
})

test('of an error that comes as a surprise, and of one that quotes, no text is told', () => {
  const surprise = Object.assign(new Error('xprv-in-it'), { code: 'E_SURPRISE' })
  const quoting = new KmsError('validation_failed', { cause: new SyntaxError('xprv-in-it is not JSON') })
  assert.equal(errorFields(surprise)[0]?.code, 'E_SURPRISE')
  for (const error of [surprise, quoting]) {
    assert.ok(!JSON.stringify(errorFields(error)).includes('xprv-in-it'))
  }
})
