import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { BSON, MongoAPIError, MongoNetworkError, MongoServerError, MongoWriteConcernError } from 'mongodb'
import {
  errorOf,
  isDuplicateKey,
  isPassing,
  isRefusedCredentials,
} from '../../../../src/adapters/repository/mongodb/failures.ts'
import { KmsError } from '../../../../src/domain/errors.ts'

const serverError = (code: number, message = 'of the server'): MongoServerError =>
  new MongoServerError({ message, errmsg: message, code, document: 'all that the server said' })

const writeConcernError = (code: number): MongoWriteConcernError =>
  new MongoWriteConcernError({
    ok: 1,
    writeConcernError: { code, errmsg: 'waiting for replication timed out' },
  } as unknown as ConstructorParameters<typeof MongoWriteConcernError>[0])

const systemError = (code: string): Error => Object.assign(new Error('of the system'), { code })

suite('MongoDB: failures of the driver', () => {
  test('one that may pass is tried again', () => {
    for (const code of [91, 189, 10107, 11600, 11602, 13435])
      assert.ok(isPassing(serverError(code)), String(code))
    assert.ok(isPassing(new MongoNetworkError('reset')))
    assert.ok(
      isPassing(writeConcernError(64)),
      'a write that no majority has confirmed is not known to be lost',
    )
    for (const code of ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])
      assert.ok(isPassing(systemError(code)))
  })

  test('one that will not pass is not', () => {
    const lasting = [
      serverError(13),
      serverError(11000),
      serverError(14031),
      new MongoAPIError('closed'),
      systemError('ERR_INVALID_ARG_TYPE'),
      new TypeError('a defect'),
      new KmsError('integrity_failure'),
    ]
    for (const error of lasting) assert.equal(isPassing(error), false, inspect(error))
  })

  test('only a refused key is a duplicate, and only 13 and 18 refuse credentials', () => {
    assert.ok(isDuplicateKey(serverError(11000)))
    for (const error of [serverError(1), writeConcernError(11000), systemError('11000')]) {
      assert.equal(isDuplicateKey(error), false)
    }
    const refusing = [13, 18, 11000].map((code) => isRefusedCredentials(serverError(code)))
    assert.deepEqual(refusing, [true, true, false])
  })

  test('every failure of driver, server and network is unavailable, with a short cause', () => {
    for (const error of [
      serverError(14031, 'x'.repeat(5_000)),
      writeConcernError(64),
      systemError('EPIPE'),
    ]) {
      const mapped = errorOf(error)
      assert.ok(KmsError.is(mapped, 'store_unavailable'))
      assert.doesNotMatch(inspect(mapped, { depth: null }), /all that the server said/)
      assert.ok((mapped.cause as Error).message.length <= 300)
    }
  })

  test('a document that is not BSON is one that was altered', () => {
    assert.ok(KmsError.is(errorOf(new BSON.BSONError('bad')), 'integrity_failure'))
  })

  test('a defect of this program stays one', () => {
    const defect = new TypeError('a defect')
    assert.equal(errorOf(defect), defect)
  })
})
