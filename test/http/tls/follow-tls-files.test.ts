import assert from 'node:assert/strict'
import { test } from 'node:test'
import { followTlsFiles } from '../../../src/http/tls/follow-tls-files.ts'
import type { TlsFiles } from '../../../src/http/tls/tls-files.ts'
import { keepingLogger } from '../../support/logger.ts'

const filesOf = (digest: string): TlsFiles => ({
  certificate: Buffer.from(digest),
  key: Buffer.from('key'),
  authorities: undefined,
  fingerprints: undefined,
  digest,
})

/** Follows files that look like this at one look after another; `torn` fits nothing, and `none` can't be read. */
const follow = async (looks: readonly string[]) => {
  const { logger, lines } = keepingLogger()
  const taken: string[] = []
  const keys: Buffer[] = []
  const done = Promise.withResolvers<void>()
  const waiting = [...looks]
  const follower = followTlsFiles({
    read: async () => {
      const look = waiting.shift()
      if (look === undefined) {
        done.resolve()
        return filesOf(taken.at(-1) ?? 'first')
      }
      if (look === 'none') throw new Error('SERVER_TLS_KEY_PATH: can’t be read')
      const files = filesOf(look)
      keys.push(files.key)
      return files
    },
    inForce: 'first',
    take: ({ digest }) => {
      if (digest === 'torn') throw new Error('SERVER_TLS_KEY_PATH: not the key')
      taken.push(digest)
    },
    logger,
    pollMs: 1,
  })
  follower.begin()
  await done.promise
  await follower.close()
  return { taken, problems: lines.map(({ fields }) => String(fields.problems)), keys }
}

test('what is half written at one look is neither taken nor complained of', async () => {
  const { taken, problems, keys } = await follow([
    'first',
    'torn',
    'second',
    'second',
    'none',
    'second',
    'second',
  ])
  assert.deepEqual([taken, problems], [['second'], []])
  for (const key of keys) assert.ok(key.equals(Buffer.alloc(3)), 'the key is wiped after each look')
})

test('what is wrong at two looks is told once, and once more after it was right', async () => {
  const wrong = ['torn', 'torn', 'torn', 'torn']
  const { taken, problems } = await follow([
    ...wrong,
    'first',
    ...wrong,
    'none',
    'none',
    'none',
    'second',
    'second',
  ])
  const [torn, none] = ['SERVER_TLS_KEY_PATH: not the key', 'SERVER_TLS_KEY_PATH: can’t be read']
  assert.deepEqual([taken, problems], [['second'], [torn, torn, none]])
})

test('whoever asks for it has it looked at once', async () => {
  const { logger, lines } = keepingLogger()
  const taken: string[] = []
  let digest = 'second'
  const follower = followTlsFiles({
    read: async () => filesOf(digest),
    inForce: 'first',
    take: (files) => {
      if (files.digest === 'torn') throw new Error('wrong')
      taken.push(files.digest)
    },
    logger,
    pollMs: 600_000,
  })
  await follower.lookNow()
  assert.deepEqual(taken, ['second'])
  digest = 'torn'
  await follower.lookNow()
  assert.equal(lines.length, 1)
})
