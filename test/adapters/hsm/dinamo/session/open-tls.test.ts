import assert from 'node:assert/strict'
import { webcrypto, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createServer, type TlsOptions } from 'node:tls'
import 'reflect-metadata'
import { PemConverter, X509CertificateGenerator } from '@peculiar/x509'
import { openTls } from '../../../../../src/adapters/hsm/dinamo/session/open-tls.ts'
import { SessionError } from '../../../../../src/adapters/hsm/dinamo/session/session-error.ts'
import { failsWith } from './support.ts'

const TIMEOUT = { timeout: 60_000 }
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
}
const TLS_1_2 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const

/** An RSA certificate: with one on an elliptic curve there is no static RSA. */
const makeRsaCertificate = async () => {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify'])
  const now = Date.now()
  const dates = { notBefore: new Date(now - 86_400_000), notAfter: new Date(now + 86_400_000) }
  const certificate = await X509CertificateGenerator.createSelfSigned(
    { name: 'CN=device', keys, signingAlgorithm: RSA, ...dates },
    webcrypto as Crypto,
  )
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  const cert = certificate.toString('pem')
  const sha256 = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()
  return { key, cert, sha256 }
}

const made = makeRsaCertificate()

/** A connection to a device that speaks TLS from the first byte. */
const connectTo = async (t: TestContext, options: TlsOptions): Promise<Socket> => {
  const { key, cert } = await made
  const server = createServer({ key, cert, ...options }, (socket) => socket.on('error', () => {}))
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  t.after(() => {
    socket.destroy()
    server.close()
  })
  await once(socket, 'connect')
  return socket
}

const open = async (raw: Socket, allowStaticRsa: boolean, signal = new AbortController().signal) => {
  const { sha256 } = await made
  return await openTls(raw, { certificateSha256: [sha256], allowStaticRsa }, signal)
}

suite('the TLS of a session', TIMEOUT, () => {
  test('has forward secrecy, unless it is told to do without', async (t) => {
    const staticOnly = { ...TLS_1_2, ciphers: 'AES128-SHA256' }
    await assert.rejects(open(await connectTo(t, staticOnly), false), failsWith('connect'))
    const lenient = await open(await connectTo(t, staticOnly), true)
    assert.equal(lenient.getCipher().name, 'AES128-SHA256')
    const strict = await open(await connectTo(t, TLS_1_2), false)
    assert.equal(strict.getCipher().name, 'ECDHE-RSA-AES128-SHA256')
  })

  test('prefers forward secrecy where it may do without', async (t) => {
    const socket = await open(await connectTo(t, { ...TLS_1_2, honorCipherOrder: false }), true)
    assert.equal(socket.getCipher().name, 'ECDHE-RSA-AES128-SHA256')
  })

  test('is 1.2 alone', async (t) => {
    const raw = await connectTo(t, { minVersion: 'TLSv1.3' })
    await assert.rejects(open(raw, true), failsWith('connect'))
    assert.ok(raw.destroyed)
  })

  test('ends with the opening’s own reason when that is given up', async (t) => {
    const opening = new AbortController()
    const raw = await connectTo(t, TLS_1_2)
    const attempt = open(raw, false, opening.signal)
    opening.abort(new SessionError('deadline', 'too late'))
    await assert.rejects(attempt, failsWith('deadline'))
    assert.ok(raw.destroyed)
  })
})
