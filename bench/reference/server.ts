/**
 * A literal build of the reference document, to be measured against: connect for every operation, SJCL on the
 * main thread, and the root key's *name* as password. It is what this project exists to replace: never use it.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { hsm } from '@dinamonetworks/hsm-dinamo'
import Fastify from 'fastify'
import sjclPackage from 'sjcl'

const { REFERENCE_DB, REFERENCE_CERT, REFERENCE_KEY, REFERENCE_CLIENT_CA } = process.env
const { DINAMO_HOST, DINAMO_PORT, DINAMO_USERNAME, DINAMO_PASSWORD } = process.env

/** The package's types say that it returns objects. */
const sjcl = sjclPackage as unknown as {
  encrypt(password: string, text: string, parameters: object): string
  decrypt(password: string, envelope: string): string
}
const encrypt = (password: string, text: string): string =>
  sjcl.encrypt(password, text, { iter: 10_000, ks: 256, ts: 128 })

type Client = Awaited<ReturnType<typeof hsm.connect>>

const withClient = async <T>(use: (client: Client) => Promise<T>): Promise<T> => {
  const client = await hsm.connect({
    host: DINAMO_HOST ?? '',
    port: Number(DINAMO_PORT),
    authUsernamePassword: { username: DINAMO_USERNAME ?? '', password: DINAMO_PASSWORD ?? '' },
  })
  try {
    return await use(client)
  } finally {
    await client.disconnect()
  }
}

const randomName = (): string => randomBytes(16).toString('hex')

const createRootKey = (): Promise<string> =>
  withClient(async (client) => {
    const name = randomName()
    await client.key.create(name, hsm.enums.RSA_ASYMMETRIC_KEYS.ALG_RSA_2048, true, false)
    return name
  })

const generateDataKey = (root: string): Promise<{ plaintextKey: string; encryptedKey: string }> =>
  withClient(async (client) => {
    const name = randomName()
    await client.key.create(name, hsm.enums.SYMMETRICAL_KEYS.ALG_AES_256, true, true)
    const plaintextKey = (await client.key.exportSymmetric(name)).toString('base64')
    return { plaintextKey, encryptedKey: encrypt(root, plaintextKey) }
  })

const database = new DatabaseSync(REFERENCE_DB ?? ':memory:')
database.exec(`CREATE TABLE IF NOT EXISTS root (name TEXT);
  CREATE TABLE IF NOT EXISTS private_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pub TEXT NOT NULL, source TEXT NOT NULL, encryptedPrv TEXT NOT NULL,
    encryptedDataKey TEXT NOT NULL, rootKey TEXT NOT NULL, coin TEXT NOT NULL, type TEXT NOT NULL)`)

const known = database.prepare('SELECT name FROM root').get()?.name
const rootKey = typeof known === 'string' ? known : await createRootKey()
if (known === undefined) database.prepare('INSERT INTO root VALUES (?)').run(rootKey)

const insert = database.prepare(
  `INSERT INTO private_keys (pub, source, encryptedPrv, encryptedDataKey, rootKey, coin, type)
   VALUES (?, ?, ?, ?, ?, ?, ?)`,
)
const find = database.prepare('SELECT * FROM private_keys WHERE pub = ? AND source = ?')

interface KeyBody {
  readonly pub: string
  readonly source: string
  readonly prv: string
  readonly coin: string
  readonly type: string
}

const https = REFERENCE_CERT !== undefined && {
  cert: readFileSync(REFERENCE_CERT),
  key: readFileSync(REFERENCE_KEY ?? ''),
  ca: readFileSync(REFERENCE_CLIENT_CA ?? ''),
  requestCert: true,
}
const app = Fastify({ bodyLimit: 1024 * 1024, ...(https && { https }) })

app.post<{ Body: KeyBody }>('/key', async ({ body: { pub, source, prv, coin, type } }) => {
  const dataKey = await generateDataKey(rootKey)
  insert.run(pub, source, encrypt(dataKey.plaintextKey, prv), dataKey.encryptedKey, rootKey, coin, type)
  return { pub, coin, source, type }
})

app.get<{ Params: { '*': string }; Querystring: { source: string } }>('/key/*', async ({ params, query }) => {
  const row = find.get(params['*'], query.source) as Record<string, string>
  const dataKey = sjcl.decrypt(row.rootKey ?? '', row.encryptedDataKey ?? '')
  const prv = sjcl.decrypt(dataKey, row.encryptedPrv ?? '')
  return { prv, pub: row.pub, source: row.source, type: row.type }
})

app.post('/generateDataKey', () => generateDataKey(rootKey))

app.post<{ Body: { encryptedKey: string } }>('/decryptDataKey', async ({ body }) => ({
  plaintextKey: sjcl.decrypt(rootKey, body.encryptedKey),
}))

console.log(`READY ${await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) })}`)
