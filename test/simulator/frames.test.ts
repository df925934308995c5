import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  errorFrame,
  type Request,
  RequestReader,
  RequestTooLarge,
  replyFrame,
} from '../../src/simulator/frames.ts'
import { LOGIN_REQUEST, requestBytes } from '../support/simulator.ts'

const drain = (reader: RequestReader): Request[] => {
  const found: Request[] = []
  for (let next = reader.next(); next !== undefined; next = reader.next()) found.push(next)
  return found
}

/** The bytes cut at the given places. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const bounds = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return bounds.slice(1).map((end, i) => bytes.subarray(bounds[i], end))
}

suite('RequestReader', () => {
  const request = fc.record({
    id: fc.integer({ min: 18, max: 0xfffffffd }),
    flag: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 300 }),
  })

  test('gives the same requests however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (requests, places) => {
          const bytes = Buffer.concat(
            requests.map(({ id, flag, payload }) => requestBytes(id, payload, flag)),
          )
          const reader = new RequestReader(1_000)
          const found = cut(bytes, places).flatMap((piece) => {
            reader.push(piece)
            return drain(reader)
          })
          assert.deepEqual(
            found.map(({ id, flag, payload }) => ({ id, flag, payload: [...payload] })),
            requests.map(({ id, flag, payload }) => ({ id, flag, payload: [...payload] })),
          )
          assert.equal(reader.length, 0)
        },
      ),
    )
  })

  test('reads the login marker as a request without payload, followed by raw bytes', () => {
    const reader = new RequestReader(1_000)
    const raw = Buffer.alloc(32, 7)
    reader.push(Buffer.concat([LOGIN_REQUEST, raw.subarray(0, 5)]))
    const login = reader.next()
    assert.equal(login?.isLogin, true)
    assert.equal(login?.payload.length, 0)
    assert.equal(reader.take(32), undefined)
    reader.push(raw.subarray(5))
    assert.deepEqual(reader.take(32), raw)
  })

  test('refuses a request over the bound as soon as its header shows it', () => {
    const reader = new RequestReader(1_000)
    reader.push(requestBytes(2, Buffer.alloc(1_001)).subarray(0, 8))
    assert.throws(() => reader.next(), RequestTooLarge)
    const exact = new RequestReader(1_000)
    exact.push(requestBytes(2, Buffer.alloc(1_000)))
    assert.equal(exact.next()?.payload.length, 1_000)
  })
})

test('a reply is its header and payload in one buffer', () => {
  assert.deepEqual(replyFrame(Buffer.from('abc')), Buffer.from('0000000003000000616263', 'hex'))
  assert.deepEqual(replyFrame(), Buffer.alloc(8))
})

test('an error reply has the error bit of device constants', () => {
  assert.equal(errorFrame(5002).toString('hex'), 'ffffffff8a130080')
})
