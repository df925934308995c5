import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_FRAME_BYTES,
} from '../../../../src/adapters/hsm/pkcs11/channel/frames.ts'

const message = fc.record({
  id: fc.nat(2 ** 32 - 1),
  kind: fc.nat(255),
  fields: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
})

const plain = ({ id, kind, fields }: Frame) => ({ id, kind, fields: fields.map((field) => [...field]) })

/** Cuts the bytes at the given places. */
const cut = (bytes: Buffer, places: readonly number[]): readonly Buffer[] => {
  const ends = [...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return ends.map((end, index) => Buffer.from(bytes.subarray(ends[index - 1] ?? 0, end)))
}

suite('the channel’s messages', () => {
  test('come out as they went in, however they are cut on the way, and the chunks are wiped', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (sent, places) => {
          const received: Frame[] = []
          const reader = new FrameReader((frame) => received.push(frame))
          const bytes = Buffer.concat(sent.map(({ id, kind, fields }) => encodeFrame(id, kind, fields)))
          for (const chunk of cut(bytes, places)) {
            reader.accept(chunk)
            assert.ok(chunk.every((byte) => byte === 0))
          }
          assert.deepEqual(
            received.map(plain),
            sent.map(({ fields, ...rest }) => ({ ...rest, fields: fields.map((field) => [...field]) })),
          )
        },
      ),
    )
  })

  test('are refused where their lengths don’t fit', () => {
    const reader = () => new FrameReader(() => assert.fail('a message came of it'))
    for (const hex of [
      '00000004',
      '00010001',
      'ffffffff',
      '0000000a0000000101000000ff61',
      '0000000600000001010a',
    ]) {
      assert.throws(() => reader().accept(Buffer.from(hex, 'hex')), RangeError, hex)
    }
    assert.throws(() => encodeFrame(1, 1, [new Uint8Array(MAX_FRAME_BYTES)]), RangeError)
  })
})
