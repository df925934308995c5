import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRepository } from '../../src/service/open-repository.ts'
import { ObjectStore } from '../../src/simulator/object-store.ts'
import { keepingLogger } from '../support/logger.ts'
import { COFRE, startServiceProcess } from '../support/service-process.ts'
import { simulatorFor } from '../support/simulator.ts'
import { newInstance } from './support/instance.ts'
import { allStores } from './support/stores.ts'

const LIMIT = { timeout: 600_000 }
/** More of them by hand: COFRE_INIT_KILLS=50. */
const KILLS = Number(process.env.COFRE_INIT_KILLS ?? 8)
/** About as long as a ceremony takes. */
const LONGEST_MS = 650

/** What the device keeps, and how much of it. */
const countingObjects = () => {
  let count = 0
  const objects = new ObjectStore([], async (all) => {
    count = all.length
  })
  return { objects, permanent: () => count }
}

for (const { name, skip, freshUrl } of await allStores({ after })) {
  suite(`${name}: cofre init, killed at a random moment`, { skip }, () => {
    test(
      `${KILLS} times: the next one ends with one root key for each scope, and one anchor`,
      LIMIT,
      async (t) => {
        let finishedBefore = 0
        for (let round = 0; round < KILLS; round++) {
          const { objects, permanent } = countingObjects()
          const simulator = await simulatorFor(t, { objects })
          const { settings } = await newInstance(t, simulator, await freshUrl(t))
          const run = () => {
            const { PATH = '' } = process.env
            const child = spawn(process.execPath, [COFRE, 'init'], {
              env: { PATH, ...settings },
              stdio: ['ignore', 'pipe', 'pipe'],
            })
            return {
              child,
              ended: once(child, 'close'),
              printed: text(child.stdout),
              said: text(child.stderr),
            }
          }
          const killed = run()
          await sleep(randomInt(LONGEST_MS))
          killed.child.kill('SIGKILL')
          await killed.ended
          const next = run()
          await next.ended
          const anchors = new Set(
            [await killed.printed, await next.printed].flatMap(
              (out) => /^STORE_ANCHOR=(.+)$/m.exec(out)?.[1] ?? [],
            ),
          )
          if (next.child.exitCode !== 0) {
            assert.match(await next.said, /was initialized at .* already/)
            finishedBefore++
          }
          assert.equal(anchors.size, 1, await next.said)
          const [STORE_ANCHOR = ''] = anchors
          const store = await openRepository(
            { DATABASE_URL: settings.DATABASE_URL ?? '' },
            keepingLogger().logger,
          )
          const rootKeys = await store.listRootKeys()
          await store.close()
          assert.deepEqual(
            rootKeys.map(({ scope, state }) => [scope, state]),
            ['row-user', 'row-backup', 'client'].map((scope) => [scope, 'active']),
          )
          assert.ok(permanent() <= 4, `${permanent()} objects stand on the device`)
          const service = await startServiceProcess('serve', { ...settings, STORE_ANCHOR })
          assert.equal(await service.stop(), 0)
        }
        t.diagnostic(`${finishedBefore} of ${KILLS} had ended before they were killed`)
      },
    )
  })
}
