import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { GuardedChannel } from '../../../../../src/adapters/hsm/dinamo/session/guarded-channel.ts'
import { REPLY } from '../../../../../src/adapters/hsm/dinamo/session/reply-frame.ts'
import { openInside } from '../../../../hazards/support/opened-session.ts'
import { scriptedHsm } from '../../../../hazards/support/scripted-hsm.ts'
import { errorReply, OK, simulatorFor } from '../../../../support/simulator.ts'
import { failsWith } from './support.ts'

const TIMEOUT = { timeout: 60_000 }
const REQUEST = Buffer.from('0200000000000000', 'hex')

/** A call as the SDK would make it, with the part of its conduct that is at stake. */
const assertEnds = async (channel: GuardedChannel, call: () => Promise<unknown>): Promise<void> => {
  const exchange = channel.exchange({
    replies: [REPLY.done],
    deadlineMs: 20_000,
    call,
    read: () => 'read',
    refused: () => 'refused',
  })
  await assert.rejects(exchange, failsWith('protocol'))
  assert.equal(channel.intact, false)
}

const channelFor = async (t: TestContext): Promise<GuardedChannel> =>
  (await openInside(t, await simulatorFor(t))).channel

const answeringChannel = async (t: TestContext, reply: Buffer): Promise<GuardedChannel> =>
  (await openInside(t, await scriptedHsm(t, (_request, send) => send(Buffer.from(reply))))).channel

suite('the guarded channel', TIMEOUT, () => {
  test('ends a call that rejects, resolves or throws before the reply', async (t) => {
    await assertEnds(await channelFor(t), () => Promise.reject(new Error('not valid, but sent')))
    await assertEnds(await channelFor(t), () => Promise.resolve(true))
    await assertEnds(await channelFor(t), () => {
      throw new Error('at once')
    })
  })

  test('ends a call that makes something else of the reply than it is', async (t) => {
    const refusal = await answeringChannel(t, OK)
    await assertEnds(
      refusal,
      () =>
        new Promise((_resolve, reject) => {
          refusal.once('data', () => reject(new Error('refused')))
          refusal.write(REQUEST)
        }),
    )
    const success = await answeringChannel(t, errorReply(5004))
    await assertEnds(
      success,
      () =>
        new Promise((resolve) => {
          success.once('data', resolve)
          success.write(REQUEST)
        }),
    )
  })

  test('survives a listener that throws, and a reply that nobody listens for', async (t) => {
    const throwing = await answeringChannel(t, OK)
    await assertEnds(
      throwing,
      () =>
        new Promise(() => {
          throwing.once('data', () => {
            throw new RangeError('out of range')
          })
          throwing.write(REQUEST)
        }),
    )
    const deaf = await answeringChannel(t, OK)
    await assertEnds(deaf, () => new Promise(() => deaf.write(REQUEST)))
  })
})
