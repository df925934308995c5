import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import { compilePolicy } from '../../src/domain/policy.ts'
import { KEY, listeningApp } from './support/app.ts'

test('a client that left the policy before its body ended is refused', async (t) => {
  const { callerFor } = compilePolicy({ clients: [] })
  let caller = UNRESTRICTED
  const identified = Promise.withResolvers<void>()
  const { port } = await listeningApp(t, {
    identify: () => {
      identified.resolve()
      return { caller }
    },
  })
  const body = JSON.stringify(KEY)
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) }
  const asked = request({ host: '127.0.0.1', port, path: '/key', method: 'POST', headers })
  asked.write(body.slice(0, 10))
  await identified.promise
  caller = callerFor(undefined)
  asked.end(body.slice(10))
  const [response] = await once(asked, 'response')
  const answer = (await json(response)) as { code: string }
  assert.deepEqual([response.statusCode, answer.code], [403, 'forbidden'])

  caller = UNRESTRICTED
  const read = await fetch(`http://127.0.0.1:${port}/key/${KEY.pub}?source=user`)
  assert.equal(read.status, 404, 'it was stored')
})
