import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeyName } from '../../src/domain/private-key.ts'
import { runCofre } from '../cli/run-cofre.ts'
import { numbered } from '../contracts/key-repository/samples.ts'
import { withDatabase } from '../support/mongo-server/database.ts'
import { missingMongoServer, startMongoServer } from '../support/mongo-server.ts'
import { simulatorFor } from '../support/simulator.ts'
import { checkKeys, checkStore, settle } from './support/checks.ts'
import { type Instance, newInstance, sqliteIn, urlOf } from './support/instance.ts'
import { startWriters, type Writers, type Written } from './support/writers.ts'

/** Over the three scenarios; more with COFRE_KILL_ROUNDS. */
const KILLS = Number(process.env.COFRE_KILL_ROUNDS ?? 12)
/** The MongoDB server of the tests finds a row by scanning: more kills take more stores, not larger ones. */
const KILLS_FOR_EACH_STORE = 10
const MAX_DELAY_MS = 400
const LIMIT = { timeout: 600_000 }
const missing = missingMongoServer() ?? false

/** From the first acknowledgment on any moment may be the one. */
const anyMoment = async (writers: Writers): Promise<void> => {
  await writers.acknowledge(1)
  await sleep(randomInt(MAX_DELAY_MS))
}

/** What was acknowledged, and what has become of the rest, over all rounds. */
class Tally {
  readonly acknowledged: KeyName[] = []
  #uncertain = 0
  #stored = 0

  /** Checks through this instance what was written. */
  async check(url: string, written: Written): Promise<void> {
    await checkKeys(url, written.acknowledged)
    this.#stored += await settle(url, written)
    this.#uncertain += written.uncertain.length
    this.acknowledged.push(...written.acknowledged, ...written.uncertain)
  }

  report(t: TestContext, kills: number): void {
    const { length } = this.acknowledged
    t.diagnostic(
      `${kills} kills: ${length - this.#uncertain} keys were acknowledged, and all are there; ` +
        `${this.#uncertain} had no answer, of which ${this.#stored} were stored`,
    )
  }
}

/** A killed process leaves an audit log that still verifies against the store. */
const checkAuditLog = async ({ settings }: Instance): Promise<void> => {
  const { AUDIT_LOG = '', AUDIT_KEY = '', DATABASE_URL = '' } = settings
  const [opened = ''] = (await readFile(AUDIT_LOG, 'utf8')).split('\n', 1)
  // Another instance's log, which the store knows as well, has another key.
  const { instance } = JSON.parse(opened) as { readonly instance: string }
  const { code, stdout, stderr } = await runCofre(
    ['audit', 'verify', AUDIT_LOG, '--store', DATABASE_URL, '--log', instance],
    { AUDIT_KEY },
  )
  assert.equal(code, 0, stdout + stderr)
}

type Scenario = (t: TestContext, kills: number) => Promise<void>

const serviceOnSqlite: Scenario = async (t, kills) => {
  const instance = await newInstance(t, await simulatorFor(t), await sqliteIn(t))
  await instance.start()
  const tally = new Tally()
  for (const round of numbered(kills)) {
    const writers = startWriters(t, instance, `round-${round}`)
    await anyMoment(writers)
    await instance.kill()
    const written = await writers.stop()
    await instance.start()
    await tally.check(urlOf(instance), written)
  }
  await checkStore(instance.settings.DATABASE_URL ?? '', urlOf(instance), tally.acknowledged)
  await checkAuditLog(instance)
  tally.report(t, kills)
}

const oneOfTwoOnMongo: Scenario = async (t, kills) => {
  const simulator = await simulatorFor(t)
  const { url } = await startMongoServer(t)
  const databaseUrl = withDatabase(url, 'cofre')
  const pair = await Promise.all(numbered(2).map(() => newInstance(t, simulator, databaseUrl)))
  const [even, odd] = pair as [Instance, Instance]
  await Promise.all(pair.map((instance) => instance.start()))
  const tally = new Tally()
  for (const round of numbered(kills)) {
    const [victim, other] = round % 2 === 0 ? [even, odd] : [odd, even]
    const killed = startWriters(t, victim, `killed-${round}`)
    const others = startWriters(t, other, `other-${round}`)
    await Promise.all([anyMoment(killed), others.acknowledge(1)])
    await victim.kill()
    await others.acknowledge(5)
    const written = [await killed.stop(), await others.stop()]
    await victim.start()
    for (const each of written) await tally.check(urlOf(victim), each)
  }
  for (const instance of pair) await checkStore(databaseUrl, urlOf(instance), tally.acknowledged)
  for (const instance of pair) await checkAuditLog(instance)
  tally.report(t, kills)
}

const databaseServer: Scenario = async (t, kills) => {
  const server = await startMongoServer(t)
  const databaseUrl = withDatabase(server.url, 'cofre')
  const settings = { STORE_TIMEOUT_MS: '3000' }
  const instance = await newInstance(t, await simulatorFor(t), databaseUrl, settings)
  const { child } = await instance.start()
  const tally = new Tally()
  for (const round of numbered(kills)) {
    const writers = startWriters(t, instance, `round-${round}`)
    await anyMoment(writers)
    await server.kill()
    // Some stay away for longer than the service waits.
    await sleep(round % 4 === 3 ? 4_000 : randomInt(MAX_DELAY_MS))
    await server.restart()
    await writers.acknowledge(5)
    await tally.check(urlOf(instance), await writers.stop())
  }
  await checkStore(databaseUrl, urlOf(instance), tally.acknowledged)
  assert.equal(child.exitCode, null, 'the service ended')
  tally.report(t, kills)
}

const SCENARIOS: readonly { readonly name: string; readonly run: Scenario; readonly skip: string | false }[] =
  [
    { name: 'SQLite, the service is killed', run: serviceOnSqlite, skip: false },
    {
      name: 'MongoDB, one of two instances is killed, the other goes on',
      run: oneOfTwoOnMongo,
      skip: missing,
    },
    {
      name: 'MongoDB, the database server is killed, the service stays up',
      run: databaseServer,
      skip: missing,
    },
  ]

suite('nothing acknowledged is lost', () => {
  for (const { name, run, skip } of SCENARIOS) {
    for (let left = Math.ceil(KILLS / SCENARIOS.length); left > 0; left -= KILLS_FOR_EACH_STORE) {
      const kills = Math.min(left, KILLS_FOR_EACH_STORE)
      test(`${name}: ${kills} times`, { ...LIMIT, skip }, (t) => run(t, kills))
    }
  }
})
