import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Needle, needlesOfText } from '../../support/process-memory.ts'
import type { MemoryBench } from './memory-bench.ts'
import { needlesOfDataKey, needlesOfRow, secretText } from './secrets.ts'

/** Traffic, and the secrets of which nothing may be left after it. */
export interface MemoryCase {
  readonly name: string
  run(bench: MemoryBench): Promise<readonly Needle[]>
}

export const storeBody = (pub: string, prv: string) =>
  ({ pub, prv, source: 'user', coin: 'tbtc', type: 'tss' }) as const

const keyPath = (pub: string): string => `/key/${pub}?source=user`

const store = async ({ client }: MemoryBench, pub: string, prv: string): Promise<void> => {
  const { status } = await client.call({ path: '/key', body: { ...storeBody(pub, prv), seed: prv } })
  assert.equal(status, 200)
}

const storing = (length: number): MemoryCase => ({
  name: `storing ${length} characters`,
  async run(bench) {
    const [pub, prv] = [`stored-${length}`, secretText(length)]
    await store(bench, pub, prv)
    return await needlesOfRow(bench, pub, prv)
  },
})

const reading = (length: number): MemoryCase => ({
  name: `reading ${length} characters`,
  async run(bench) {
    const [pub, prv] = [`read-${length}`, secretText(length)]
    await store(bench, pub, prv)
    const { body } = await bench.client.call({ method: 'GET', path: keyPath(pub) })
    assert.equal(body.prv, prv)
    return await needlesOfRow(bench, pub, prv)
  },
})

/** Connections that are closed wipe more than those that stay. */
const KEPT_OPEN: MemoryCase = {
  name: 'storing on a connection that stays open',
  async run(bench) {
    const [pub, prv] = ['kept-open', secretText(895)]
    const socket = await bench.client.open()
    const body = JSON.stringify(storeBody(pub, prv))
    const head = `POST /key HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    socket.write(head + body)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /)
    return await needlesOfRow(bench, pub, prv)
  },
}

const generate = async ({ client }: MemoryBench) => {
  const { status, body } = await client.call({ path: '/generateDataKey', body: { keyType: 'AES-256' } })
  assert.equal(status, 200)
  const { plaintextKey = '', encryptedKey = '' } = body
  return {
    plaintextKey,
    encryptedKey,
    needles: needlesOfDataKey('the data key', Buffer.from(plaintextKey, 'base64')),
  }
}

/** Each kind of operation as the last request. */
export const OPERATIONS: readonly MemoryCase[] = [
  ...[111, 895, 40_000].flatMap((length) => [storing(length), reading(length)]),
  KEPT_OPEN,
  {
    name: 'generating a data key',
    run: async (bench) => (await generate(bench)).needles,
  },
  {
    name: 'opening a data key',
    async run(bench) {
      const { plaintextKey, encryptedKey, needles } = await generate(bench)
      const { body } = await bench.client.call({ path: '/decryptDataKey', body: { encryptedKey } })
      assert.equal(body.plaintextKey, plaintextKey)
      return needles
    },
  },
]

/** A request with a secret in it that is refused. @param make the call of a secret text */
const refused = (
  name: string,
  status: number,
  make: (secret: string) => Parameters<MemoryBench['client']['call']>[0],
): MemoryCase => ({
  name,
  async run({ client }) {
    const secret = secretText(2_000)
    assert.equal((await client.call(make(secret))).status, status)
    return needlesOfText(`the text of ${name}`, secret)
  },
})

const OVER_LIMIT = 1_200_000
const pad = (secret: string): string =>
  `{"pad":"${'x'.repeat(OVER_LIMIT)}","prv":"${secret}","seed":"${secret}"}`

const altered = (text: string, at: number): string =>
  text.slice(0, at) + (text.at(at) === 'A' ? 'B' : 'A') + text.slice(at + 1)

/** Every way to send a secret, or to have one opened, and not to get what was asked for. */
export const REFUSALS: readonly MemoryCase[] = [
  {
    name: 'a second key of the same name',
    async run(bench) {
      const [first, second] = [secretText(895), secretText(895)]
      await store(bench, 'twice', first)
      const { status } = await bench.client.call({ path: '/key', body: storeBody('twice', second) })
      assert.equal(status, 409)
      return [...(await needlesOfRow(bench, 'twice', first)), ...needlesOfText('the second key', second)]
    },
  },
  refused('a prv that is an object', 400, (secret) => ({
    path: '/key',
    body: { ...storeBody('kind', ''), prv: { text: secret }, seed: [secret] },
  })),
  refused('a prv beside an unknown source', 400, (secret) => ({
    path: '/key',
    body: { ...storeBody('source', secret), source: 'bitgo' },
  })),
  refused('a body that ends too early', 400, (secret) => ({
    path: '/key',
    body: `{"pub":"early","prv":"${secret}","seed":"${secret}"`,
  })),
  refused('a prv with half of a surrogate pair', 400, (secret) => ({
    path: '/key',
    body: `{"pub":"p","source":"user","coin":"c","type":"t","prv":"${secret}\\ud800"}`,
  })),
  refused('a body that is too large', 413, (secret) => ({ path: '/key', body: pad(secret) })),
  refused('a body that grows too large', 413, (secret) => ({
    path: '/key',
    body: pad(secret),
    headers: { 'transfer-encoding': 'chunked' },
  })),
  refused('a body of another media type', 415, (secret) => ({
    path: '/key',
    body: secret,
    headers: { 'content-type': 'text/plain' },
  })),
  refused('a body for no route', 404, (secret) => ({ path: '/keys', body: storeBody('none', secret) })),
  {
    name: 'a client that goes away in the middle of an upload',
    async run(bench) {
      const secret = secretText(40_000)
      const socket = await bench.client.open()
      const before = bench.service.output.length
      const head = `POST /key HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 80000\r\n\r\n`
      socket.write(`${head}{"prv":"${secret}`, () => setImmediate(() => socket.destroy()))
      await bench.logged(/"msg":"request aborted"/, before)
      return needlesOfText('the text of the upload', secret)
    },
  },
  {
    name: 'a client that does not wait for its key',
    async run(bench) {
      const prv = secretText(329_800)
      await store(bench, 'left', prv)
      const socket = await bench.client.open()
      const before = bench.service.output.length
      socket.write(`GET ${keyPath('left')} HTTP/1.1\r\nhost: x\r\n\r\n`)
      await once(socket, 'readable')
      socket.destroy()
      await bench.logged(/"msg":"request (aborted|completed)"/, before)
      return await needlesOfRow(bench, 'left', prv)
    },
  },
  {
    name: 'what is not HTTP',
    async run({ client }) {
      const secret = secretText(2_000)
      const socket = await client.open()
      socket.write(`${secret}\r\n\r\n`)
      socket.resume()
      await once(socket, 'close')
      return needlesOfText('the text that is not HTTP', secret)
    },
  },
  {
    name: 'a token that was altered',
    async run(bench) {
      const { encryptedKey, needles } = await generate(bench)
      const token = altered(encryptedKey, encryptedKey.length - 10)
      const { status, body } = await bench.client.call({
        path: '/decryptDataKey',
        body: { encryptedKey: token },
      })
      assert.deepEqual([status, body.code], [400, 'encrypted_key_invalid'])
      return needles
    },
  },
  {
    name: 'a row that was altered',
    async run(bench) {
      const prv = secretText(895)
      await store(bench, 'altered', prv)
      const needles = await needlesOfRow(bench, 'altered', prv)
      const { encryptedPrv } = bench.row('altered')
      bench.replaceEnvelope('altered', altered(encryptedPrv, encryptedPrv.length - 10))
      const { status, body } = await bench.client.call({ method: 'GET', path: keyPath('altered') })
      assert.deepEqual([status, body.code], [500, 'integrity_failure'])
      return needles
    },
  },
]

const ROUNDS = 50
const AT_ONCE = 5
const LENGTHS = [111, 895, 40_000, 329_800]

/** One of everything, at once, many times. */
export const MIXED_TRAFFIC: MemoryCase = {
  name: `${ROUNDS} rounds of everything at once`,
  async run(bench) {
    const needles: Needle[] = []
    const one = async (round: number): Promise<void> => {
      const pub = `mixed-${round}`
      const prv = secretText(LENGTHS[round % LENGTHS.length] as number)
      await store(bench, pub, prv)
      const [read, again, data] = await Promise.all([
        bench.client.call({ method: 'GET', path: keyPath(pub) }),
        bench.client.call({ path: '/key', body: storeBody(pub, prv) }),
        generate(bench),
      ])
      assert.equal(read.body.prv, prv)
      assert.equal(again.status, 409)
      const { encryptedKey } = data
      await bench.client.call({ path: '/decryptDataKey', body: { encryptedKey } })
      needles.push(...(await needlesOfRow(bench, pub, prv)), ...data.needles)
    }
    for (let round = 0; round < ROUNDS; round += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => one(round + n)))
    }
    return needles
  },
}
