/** The HSM's own round trips through the pooled sessions, with nothing around them. `unwrap` or `generate`; prints operations a second. */

import { provider } from '../../src/adapters/hsm/dinamo/provider.ts'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import { systemClock, systemRandom, systemSleep } from '../../src/domain/random.ts'
import { openRootKeyring } from '../../src/domain/root-keys/open-root-keyring.ts'
import { wrap } from '../../src/domain/wrapping.ts'
import { rateOf } from './rate.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const settings = JSON.parse(process.argv[2] ?? '{}')
const hsm = await provider.create(settings, { logger: silent, clock: systemClock, random: systemRandom })
const keyring = await openRootKeyring({
  origin: { setting: 'STORE_ANCHOR', mayMake: true },
  hsms: [hsm],
  repository: await openMemoryKeyRepository(),
  logger: silent,
  random: systemRandom,
  clock: systemClock,
  sleep: systemSleep,
  owner: 'bench',
  startTimeoutMs: 30_000,
})
const current = keyring.wrapping('client')
using dataKey = await hsm.generateDataKey()
const wrapped = wrap(current.publicKey, current.rootKey.algorithm, dataKey)
const dispose = (secret: Disposable): void => secret[Symbol.dispose]()
const parts: Readonly<Record<string, () => Promise<Disposable>>> = {
  unwrap: () => hsm.unwrapDataKey(current.rootKey, wrapped),
  generate: () => hsm.generateDataKey(),
}
const part = parts[process.argv[3] ?? '']
if (part === undefined) throw new Error('unwrap or generate')
console.log(await rateOf(() => part().then(dispose)))
await hsm.close()
