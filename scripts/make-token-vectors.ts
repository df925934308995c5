/**
 * Made test/vectors/token.json: known tokens and contexts. They never change, so an existing file is not written
 * again. For a new format, add a new file beside it.
 */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { encryptionContext } from '../src/domain/encryption-context.ts'
import { IntegrityKey } from '../src/domain/integrity/integrity-key.ts'
import { WRAPPING_ALGORITHMS } from '../src/domain/root-key.ts'
import { SecretBytes } from '../src/domain/secret-bytes.ts'
import { clientBinding, rowBinding, sealToken } from '../src/domain/wrapped-data-key.ts'
import { wrap } from '../src/domain/wrapping.ts'
import { TOKEN_VECTORS, type TokenVector } from '../test/domain/token-vectors.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const integrityKey = createHash('sha256').update('cofre/vectors/integrity').digest()
const integrity = new IntegrityKey(SecretBytes.copyOf(integrityKey))

const BOUND: readonly TokenVector['boundTo'][] = [
  { tenant: 'default', pub: 'xpub661MyMwAqRbcF', source: 'user', coin: 'tbtc', type: 'independent' },
  { tenant: 'customer-a', pub: 'MII/+abc==', source: 'backup', coin: 'eth', type: 'tss' },
  { tenant: 'default', owner: '' },
  { tenant: 'customer-a', owner: 'wallet-server-a' },
]

const vectors = BOUND.flatMap((boundTo, which) =>
  WRAPPING_ALGORITHMS.map((algorithm): TokenVector => {
    const key = createHash('sha256').update(`cofre/vectors/token/${which}/${algorithm}`).digest()
    const context = 'pub' in boundTo ? encryptionContext(boundTo) : undefined
    const purpose = context === undefined ? 'client' : 'row'
    const binding =
      context === undefined
        ? clientBinding(boundTo.tenant, 'owner' in boundTo ? boundTo.owner : '')
        : rowBinding(context)
    const rootKeyId = createHash('md5').update(`${which}`).digest('hex')
    using dataKey = SecretBytes.copyOf(key)
    const wrapped = wrap(publicKey, algorithm, dataKey)
    return {
      purpose,
      algorithm,
      rootKeyId,
      dataKey: key.toString('base64'),
      boundTo,
      ...(context === undefined ? {} : { context: context.toString('base64') }),
      binding: binding.toString('base64'),
      wrapped: wrapped.toString('base64'),
      token: sealToken({ purpose, algorithm, rootKeyId, binding, wrapped }, dataKey, integrity),
    }
  }),
)

const der = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')
const about = 'Tokens of version cofre1, made by src/domain/wrapped-data-key.ts.'
writeFileSync(
  TOKEN_VECTORS,
  `${JSON.stringify({ about, privateKey: der, integrityKey: integrityKey.toString('base64'), vectors }, null, 2)}\n`,
  {
    flag: 'wx',
  },
)
