/**
 * `node bench/hsm-sessions.ts`: a connection for each HSM operation against pooled sessions, in one run. The
 * device is the simulator, in a process of its own. `--json` prints one object, `--quick` measures for a
 * shorter time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DinamoConfiguration } from '../src/adapters/hsm/dinamo/configuration.ts'
import { provider } from '../src/adapters/hsm/dinamo/provider.ts'
import { openDinamoSession } from '../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import { systemClock, systemRandom } from '../src/domain/random.ts'
import { SecretBytes } from '../src/domain/secret-bytes.ts'
import { publicKeySha256, wrap } from '../src/domain/wrapping.ts'
import type { Logger } from '../src/ports/logger.port.ts'
import { startSimulatorProcess } from './targets.ts'

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, quick: { type: 'boolean' } } })
const MEASURED_MS = options.quick ? 1_000 : 4_000
const WARM_UP_MS = 300
const CALLERS = [1, 8]
const ALGORITHM = 'rsa-oaep-sha256'

type Operation = () => Promise<SecretBytes>

const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (fields, text) => console.error(text, fields),
}

/** Operations a second. */
const rate = async (callers: number, operation: Operation): Promise<number> => {
  let done = 0
  const run = async (ms: number): Promise<number> => {
    done = 0
    const from = performance.now()
    const call = async (): Promise<void> => {
      while (performance.now() - from < ms) {
        using _answer = await operation()
        done++
      }
    }
    await Promise.all(Array.from({ length: callers }, call))
    return done / ((performance.now() - from) / 1_000)
  }
  await run(WARM_UP_MS)
  return await run(MEASURED_MS)
}

const folder = await mkdtemp(join(tmpdir(), 'cofre-bench-sessions-'))
try {
  const { settings, port } = await startSimulatorProcess(folder)
  const configuration = settings as DinamoConfiguration
  const hsm = await provider.create(configuration, {
    logger: silent,
    clock: systemClock,
    random: systemRandom,
  })
  const id = 'bench'.padEnd(32, 'x')
  const { publicKey } = await hsm.createRootKey({ id })
  const reference = { id, algorithm: ALGORITHM, publicKeySha256: publicKeySha256(publicKey) } as const
  using secret = SecretBytes.fill(32, (bytes) => void systemRandom(bytes))
  const wrapped = wrap(publicKey, ALGORITHM, secret)

  using password = SecretBytes.fromUtf8(configuration.DINAMO_PASSWORD)
  const connect = () =>
    openDinamoSession(
      { host: '127.0.0.1', port },
      {
        credentials: () => ({ username: configuration.DINAMO_USERNAME, password }),
        certificateSha256: [configuration.DINAMO_CERT_SHA256],
        connectTimeoutMs: configuration.DINAMO_CONNECT_TIMEOUT_MS,
        operationTimeoutMs: configuration.DINAMO_OPERATION_TIMEOUT_MS,
        rsaTimeoutMs: 60_000,
        allowStaticRsa: false,
        rootKeyExportable: false,
      },
    )
  const connecting: Readonly<Record<string, Operation>> = {
    generateDataKey: async () => {
      const session = await connect()
      try {
        return await session.makeDataKey(Buffer.from(systemRandom(new Uint8Array(16))).toString('hex'))
      } finally {
        await session.close()
      }
    },
    unwrapDataKey: async () => {
      const session = await connect()
      try {
        const answer = await session.unwrap(id, wrapped)
        if (answer.kind !== 'opened') throw new Error(`the simulator answered ${answer.kind}`)
        return answer.bytes
      } finally {
        await session.close()
      }
    },
  }
  const pooled: Readonly<Record<string, Operation>> = {
    generateDataKey: () => hsm.generateDataKey(),
    unwrapDataKey: () => hsm.unwrapDataKey(reference, wrapped),
  }

  const results = []
  for (const [operation, perConnection] of Object.entries(connecting)) {
    for (const callers of CALLERS) {
      const connectedRate = await rate(callers, perConnection)
      const pooledRate = await rate(callers, pooled[operation] as Operation)
      results.push({
        operation,
        callers,
        connectionEach: Math.round(connectedRate),
        pooled: Math.round(pooledRate),
        ratio: Number((pooledRate / connectedRate).toFixed(1)),
      })
    }
  }
  await hsm.close()
  if (options.json) console.log(JSON.stringify(results))
  else {
    console.log('Operations a second, a connection each against pooled sessions, and the ratio:')
    console.table(results)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
// The simulator's process is stopped with this one.
process.exit()
