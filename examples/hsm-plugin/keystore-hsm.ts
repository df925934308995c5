import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Type } from '@sinclair/typebox'
import { type FillRandom, type HsmPort, type HsmProvider, KmsError, SecretBytes } from 'cofre/ports'

const configuration = Type.Object({
  KEYSTORE_FILE: Type.String({ description: 'The SQLite file that holds the root keys.' }),
  KEYSTORE_PASSPHRASE: Type.String({
    description: 'What they are encrypted with.',
    secret: true,
    minLength: 12,
  }),
})

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
const NOTHING = new Uint8Array(0)

const openFile = (path: string): DatabaseSync => {
  try {
    closeSync(openSync(path, 'a', 0o600))
    const database = new DatabaseSync(path, { timeout: 2_000 })
    database.exec('CREATE TABLE IF NOT EXISTS root_keys (id TEXT PRIMARY KEY, pem TEXT NOT NULL) STRICT')
    return database
  } catch (cause) {
    throw new KmsError('start_refused', { message: `KEYSTORE_FILE is ${path}, which can't be opened`, cause })
  }
}

/** What goes wrong in here is the HSM's fault, as the service sees it; the reason is for its log alone. */
const attempt = async <T>(work: () => T): Promise<T> => {
  try {
    return work()
  } catch (cause) {
    throw new KmsError('hsm_unavailable', { cause })
  }
}

/** No HSM: who has the file and the passphrase has the root keys. It shows what a provider has to do. */
const keystoreHsm = (database: DatabaseSync, passphrase: string, random: FillRandom): HsmPort => {
  const find = (id: string): KeyObject | undefined => {
    const row = database.prepare('SELECT pem FROM root_keys WHERE id = ?').get(id)
    return row && createPrivateKey({ key: String(row.pem), passphrase })
  }

  const findExisting = (id: string): KeyObject => {
    const key = find(id)
    if (key === undefined) throw new Error(`the keystore has no root key ${id}`)
    return key
  }

  /** The file decides who was first, whichever process asked. */
  const insert = (id: string): boolean => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    return (
      database.prepare('INSERT OR IGNORE INTO root_keys VALUES (?, ?)').run(id, String(pem)).changes === 1
    )
  }

  return {
    provider: 'keystore',
    wrapping: { candidates: ['rsa-oaep-sha256'], setting: 'HSM_PROVIDER' },
    get available() {
      return database.isOpen
    },
    createRootKey: ({ id }) =>
      attempt(() => {
        const outcome = find(id) === undefined && insert(id) ? 'created' : 'exists'
        return { outcome, publicKey: createPublicKey(findExisting(id)) }
      }),
    getPublicKey: ({ id }) =>
      attempt(() => {
        const key = find(id)
        return key && createPublicKey(key)
      }),
    // A file can't tell who made a key, nor keep it in: an HSM asks for the key's attributes here.
    checkRootKeyOrigin: ({ id }) =>
      attempt(() => (find(id) === undefined ? 'the keystore does not have it' : undefined)),
    generateDataKey: () =>
      attempt(() => {
        if (!database.isOpen) throw new Error('the keystore was closed')
        return SecretBytes.fill(32, (bytes) => void random(bytes))
      }),
    unwrapDataKey: ({ id }, wrapped) =>
      attempt(() => {
        const key = findExisting(id)
        try {
          return SecretBytes.take(privateDecrypt({ key, ...OAEP }, wrapped))
        } catch {
          // What does not open is an answer, not a failure: nobody may tell the reasons apart.
          return SecretBytes.copyOf(NOTHING)
        }
      }),
    close: async () => {
      if (database.isOpen) database.close()
    },
  }
}

export const provider: HsmProvider<typeof configuration> = {
  name: 'keystore',
  configuration,
  create: async ({ KEYSTORE_FILE, KEYSTORE_PASSPHRASE }, { logger, random }) => {
    logger.warn({ provider: 'keystore' }, 'the keystore is no HSM: never store a key that is worth anything')
    return keystoreHsm(openFile(KEYSTORE_FILE), KEYSTORE_PASSPHRASE, random)
  },
}
