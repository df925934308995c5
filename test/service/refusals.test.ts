import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../cli/run-cofre.ts'
import { walletRequest } from '../http/support/raw-client.ts'
import { askTls } from '../http/tls/support/tls-app.ts'
import { makeAuthority, makeSelfSigned } from '../support/certificates.ts'
import { auditSettings, startServiceProcess } from '../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../support/simulator.ts'

test('whoever is refused before anybody knows who it is, is counted in the audit log', async (t) => {
  const folder = await temporaryFolder(t)
  const simulator = await simulatorFor(t)
  const authority = await makeAuthority()
  const server = await authority.issueServer()
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const audit = auditSettings(folder)
  const service = await startServiceProcess('serve', {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    POLICY: 'open',
    SERVER_TLS_CERT_PATH: await write('server.pem', server.cert),
    SERVER_TLS_KEY_PATH: await write('server.key', server.key),
    CLIENT_CA_CERT_PATH: await write('ca.pem', authority.cert),
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
    ...dinamoSettings(simulator),
    ...audit,
  })
  t.after(() => service.kill())
  const port = Number(new URL(service.url).port)
  const request = walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' })
  for (const client of [undefined, undefined, await makeSelfSigned()]) {
    assert.equal((await askTls(request, port, authority, client)).status, 401)
  }
  assert.equal((await askTls(request, port, authority, await authority.issueClient())).status, 200)
  assert.equal(await service.stop(), 0)

  const lines = (await readFile(audit.AUDIT_LOG, 'utf8')).trim().split('\n')
  const records = lines.map((line) => JSON.stringify(JSON.parse(line)))
  const [refusals, ...more] = records.filter((line) => line.includes('"refusals"'))
  assert.equal(more.length, 0)
  assert.match(String(refusals), /"reason":"no_certificate","address":"127.0.0.1","count":2/)
  assert.match(String(refusals), /"reason":"unknown_issuer","address":"127.0.0.1","count":1/)
  assert.equal(records.filter((line) => line.includes('"generateDataKey"')).length, 1)
})
