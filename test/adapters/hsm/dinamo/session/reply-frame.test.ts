import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  NotTheReply,
  REPLY,
  type Reply,
  ReplyAssembler,
} from '../../../../../src/adapters/hsm/dinamo/session/reply-frame.ts'
import { errorFrame, replyFrame } from '../../../../../src/simulator/frames.ts'

/** Copies of the parts between the cuts; a cut at the same place twice gives an empty part. */
const cutAt = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return ends.map((end, index) => Buffer.from(bytes.subarray(ends[index - 1] ?? 0, end)))
}

const Cuts = fc.array(fc.nat(), { maxLength: 12 })
const Payload = fc.uint8Array({ maxLength: 256 })

const pushAll = (pieces: readonly Buffer[]): readonly (Reply | undefined)[] => {
  const assembler = new ReplyAssembler()
  return pieces.map((piece) => assembler.push(piece, REPLY.unwrapped))
}

suite('the reply assembler', () => {
  test('puts a reply together from any pieces, and gives it out with the last byte', () => {
    fc.assert(
      fc.property(Payload, Cuts, (payload, cuts) => {
        const frame = replyFrame(payload)
        const pieces = cutAt(frame, cuts).filter(({ length }) => length > 0)
        const replies = pushAll(pieces)
        assert.ok(replies.slice(0, -1).every((reply) => reply === undefined))
        assert.deepEqual(replies.at(-1), { frame, errorCode: undefined })
      }),
    )
  })

  test('wipes every piece that it copied', () => {
    fc.assert(
      fc.property(Payload, Cuts, (payload, cuts) => {
        const pieces = cutAt(replyFrame(payload), cuts).filter(({ length }) => length > 0)
        fc.pre(pieces.length > 1)
        pushAll(pieces)
        assert.ok(pieces.every((piece) => piece.every((byte) => byte === 0)))
      }),
    )
  })

  test('reads the code of an error reply without its error bit, whatever was expected', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7fffffff }), fc.boolean(), Cuts, (code, bit, cuts) => {
        const frame = errorFrame(code)
        if (!bit) frame.writeUInt32LE(code, 4)
        assert.equal(pushAll(cutAt(frame, cuts)).findLast((reply) => reply !== undefined)?.errorCode, code)
      }),
    )
  })

  test('refuses any byte behind the reply, and wipes it all', () => {
    fc.assert(
      fc.property(Payload, fc.uint8Array({ minLength: 1, maxLength: 40 }), (payload, surplus) => {
        const bytes = Buffer.concat([replyFrame(payload), surplus])
        assert.throws(() => new ReplyAssembler().push(bytes, REPLY.unwrapped), NotTheReply)
        assert.ok(bytes.every((byte) => byte === 0))
      }),
    )
  })

  test('refuses any other header as soon as it is there', () => {
    const header = (id: number, word: number): Buffer => {
      const bytes = replyFrame()
      bytes.writeUInt32LE(id, 0)
      bytes.writeUInt32LE(word, 4)
      return bytes
    }
    const Word = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(Word, Word, (id, word) => {
        fc.pre(id !== 0 && id !== 0xffffffff)
        assert.throws(() => new ReplyAssembler().push(header(id, word), REPLY.unwrapped), NotTheReply)
      }),
    )
    for (const word of [257, 0x7fffffff, 0x80000020, 0xffffffff]) {
      assert.throws(() => new ReplyAssembler().push(header(0, word), REPLY.unwrapped), NotTheReply)
    }
    for (const word of [0, 31, 33]) {
      assert.throws(() => new ReplyAssembler().push(header(0, word), REPLY.dataKey), NotTheReply)
    }
    for (const code of [0, 0x80000000]) {
      assert.throws(() => new ReplyAssembler().push(header(0xffffffff, code), REPLY.done), NotTheReply)
    }
  })

  test('takes a restricted mode’s id for a challenge alone', () => {
    for (const id of [0xfffffffb, 0xfffffff1]) {
      const frame = replyFrame(Buffer.alloc(16, 1))
      frame.writeUInt32LE(id, 0)
      assert.ok(new ReplyAssembler().push(Buffer.from(frame), REPLY.challenge))
      assert.throws(() => new ReplyAssembler().push(frame, REPLY.unwrapped), NotTheReply)
    }
  })

  test('takes a challenge that does not say its length, and nothing else', () => {
    fc.assert(
      fc.property(Cuts, (cuts) => {
        const frame = replyFrame(Buffer.alloc(16, 1))
        frame.writeUInt32LE(0, 4)
        const assembler = new ReplyAssembler()
        const pieces = cutAt(frame, cuts).filter(({ length }) => length > 0)
        const replies = pieces.map((piece) => assembler.push(piece, REPLY.challenge))
        assert.deepEqual(replies.at(-1), { frame, errorCode: undefined })
        assert.ok(replies.slice(0, -1).every((reply) => reply === undefined))
      }),
    )
    for (const length of [17, 32]) {
      const frame = replyFrame(Buffer.alloc(length, 1))
      frame.writeUInt32LE(0, 4)
      assert.throws(() => new ReplyAssembler().push(frame, REPLY.challenge), NotTheReply)
    }
  })

  test('wipes what it has begun when it is told to', () => {
    const assembler = new ReplyAssembler()
    const piece = replyFrame(Buffer.alloc(32, 7)).subarray(0, 20)
    assembler.push(piece, REPLY.dataKey)
    assembler.wipe()
    assert.ok(piece.every((byte) => byte === 0))
  })
})
