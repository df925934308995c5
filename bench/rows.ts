/**
 * `node bench/rows.ts`: does a read slow down as rows grow? SQLite with 1,000 and with 100,000 rows, side by side
 * in turns, through the adapter and through the whole service. Exits with 1 where the larger one's p50 is more
 * than 1.2 times the smaller one's.
 */
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteKeyRepository } from '../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import type { PrivateKeyRow } from '../src/ports/key-repository.port.ts'
import { startService, startSimulatorProcess } from './targets.ts'

const SIZES = [1_000, 100_000] as const
const MAX_RATIO = 1.2
const ROUNDS = 40
const READS = 200
const HTTP_READS = 40
/** Reads of each turn that are not counted. */
const WARM_UP = 20
const REAL_KEYS = 100
const FILLED_TOGETHER = 500

type Repository = Awaited<ReturnType<typeof openSqliteKeyRepository>>
type Read = () => Promise<void>
/** Has one size measured. */
type Turn = (measure: (read: Read) => Promise<void>) => Promise<void>

/** As long as a row of a wallet's xprv. */
const rowNamed = (pub: string, rootKey: string): PrivateKeyRow => ({
  tenant: 'default',
  pub,
  source: 'user',
  coin: 'tbtc',
  type: 'independent',
  encryptedPrv: 'e'.repeat(500),
  encryptedDataKey: 'd'.repeat(550),
  provider: 'dinamo',
  rootKey,
  createdAt: new Date(),
  version: 1,
  mac: 'm'.repeat(64),
})

/** An extended key's length and shape: the first half is alike, the rest is in no order. */
const pubOf = (at: number): string =>
  `xpub661MyMwAqRbcF${BigInt.asUintN(64, BigInt(at) * 0x9e3779b97f4a7c15n)}`.padEnd(111, 'x')

const fill = async (repository: Repository, rows: number, rootKey: string): Promise<void> => {
  for (let at = 0; at < rows; at += FILLED_TOGETHER) {
    const together = Array.from({ length: Math.min(FILLED_TOGETHER, rows - at) }, (_, next) => at + next)
    await Promise.all(together.map((number) => repository.insertPrivateKey(rowNamed(pubOf(number), rootKey))))
  }
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN

/** In turns, so that whatever else the machine does meets both alike. @returns p50 of each, in ms */
const measureInTurns = async (turns: readonly Turn[], perTurn: number): Promise<readonly number[]> => {
  const times = turns.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, turn] of turns.entries()) {
      await turn(async (read) => {
        for (let count = -WARM_UP; count < perTurn; count++) {
          const began = performance.now()
          await read()
          if (count >= 0) times[at]?.push(performance.now() - began)
        }
      })
    }
  }
  return times.map(median)
}

const throughAdapter = async (folder: string): Promise<readonly number[]> => {
  const files = SIZES.map((rows) => ({ rows, path: join(folder, `adapter-${rows}.sqlite`) }))
  for (const { rows, path } of files) {
    const repository = await openSqliteKeyRepository({ path })
    await fill(repository, rows, 'r'.repeat(32))
    await repository.close()
  }
  // One at a time: of two database threads on two cores, one is always the slower to wake up.
  const turns = files.map(
    ({ rows, path }): Turn =>
      async (measure) => {
        const repository = await openSqliteKeyRepository({ path })
        await measure(async () => {
          const found = await repository.findPrivateKey({
            tenant: 'default',
            pub: pubOf(randomInt(rows)),
            source: 'user',
          })
          if (found === undefined) throw new Error('a row is missing')
        })
        await repository.close()
      },
  )
  return await measureInTurns(turns, READS)
}

const answered = async (url: string, init?: RequestInit): Promise<void> => {
  const answer = await fetch(url, init)
  await answer.arrayBuffer()
  if (answer.status !== 200) throw new Error(`answered with ${answer.status}`)
}

/** Keys that open, spread among rows that only fill the table. */
const throughHttp = async (folder: string): Promise<readonly number[]> => {
  const simulator = await startSimulatorProcess(folder)
  const services = await Promise.all(
    SIZES.map(async (rows) => {
      const path = join(folder, `http-${rows}.sqlite`)
      const service = await startService(folder, simulator, {
        environment: { DATABASE_URL: `sqlite:${path}` },
      })
      const repository = await openSqliteKeyRepository({ path })
      const [rootKey] = await repository.listRootKeys()
      await fill(repository, rows - REAL_KEYS, rootKey?.id ?? '')
      await repository.close()
      for (let at = 0; at < REAL_KEYS; at++) {
        const key = {
          pub: pubOf(-1 - at),
          prv: 'x'.repeat(111),
          coin: 'tbtc',
          source: 'user',
          type: 'independent',
        }
        await answered(`${service.url}/key`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(key),
        })
      }
      return service
    }),
  )
  const turns = services.map(
    ({ url }): Turn =>
      (measure) =>
        measure(() => answered(`${url}/key/${pubOf(-1 - randomInt(REAL_KEYS))}?source=user`)),
  )
  const measured = await measureInTurns(turns, HTTP_READS)
  for (const service of services) await service.stop()
  return measured
}

const folder = await mkdtemp(join(tmpdir(), 'cofre-bench-rows-'))
try {
  const measured = { adapter: await throughAdapter(folder), HTTP: await throughHttp(folder) }
  for (const [name, [small = 0, large = 0]] of Object.entries(measured)) {
    const ratio = large / small
    const [few, many] = SIZES.map((rows) => `${rows.toLocaleString('en-US')} rows`)
    console.log(
      `GET through ${name}: p50 ${small.toFixed(3)} ms at ${few}, ${large.toFixed(3)} ms at ${many}: ${ratio.toFixed(2)} times`,
    )
    if (!(ratio <= MAX_RATIO)) process.exitCode = 1
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
// Whatever is still running is stopped with this process.
process.exit()
