import assert from 'node:assert/strict'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, suite, test } from 'node:test'
import { openHeads } from '../../src/service/open-repository.ts'
import { ask } from '../durability/support/client.ts'
import { newInstance, temporaryFolder } from '../durability/support/instance.ts'
import { allStores } from '../durability/support/stores.ts'
import { anchorFor, startServiceProcess } from '../support/service-process.ts'
import { simulatorFor } from '../support/simulator.ts'

const LIMIT = { timeout: 180_000 }
const KEY = { pub: 'xpub661', coin: 'tbtc', source: 'user', type: 'independent', prv: 'xprv9s21' }

for (const { name, skip, freshUrl } of await allStores({ after })) {
  suite(`${name}: a store that is not the one before`, { skip }, () => {
    test('ends a start in which nothing is made, until the old audit log is moved away', LIMIT, async (t) => {
      const simulator = await simulatorFor(t)
      const { settings, start } = await newInstance(t, simulator, await freshUrl(t))
      const before = await start()
      assert.equal((await ask(before.url, '/key', KEY)).status, 200)
      await before.stop()
      const STORE_ANCHOR = await anchorFor(settings)
      const mistyped = { ...settings, STORE_ANCHOR, DATABASE_URL: await freshUrl(t) }
      for (let again = 0; again < 2; again++) {
        await assert.rejects(startServiceProcess('serve', mistyped), (error: Error) => {
          assert.match(
            error.message,
            /cofre serve: AUDIT_LOG: .*DATABASE_URL.* move the log and all its files/,
          )
          return true
        })
      }
      const store = await openHeads(mistyped.DATABASE_URL)
      t.after(() => store.close())
      assert.deepEqual(await store.listRootKeys(), [], 'a root key was made')
      const right = await startServiceProcess('serve', settings)
      t.after(() => right.kill())
      assert.equal((await ask(right.url, '/key/xpub661?source=user')).body.prv, KEY.prv)
      await right.stop()
      const folder = dirname(settings.AUDIT_LOG ?? '')
      const archive = join(await temporaryFolder(t), 'archive')
      await mkdir(archive)
      for (const file of await readdir(folder)) {
        if (file.startsWith('audit')) await rename(join(folder, file), join(archive, file))
      }
      await assert.rejects(startServiceProcess('serve', mistyped), /is not that of STORE_ANCHOR/)
      const begunAnew = { ...settings, DATABASE_URL: mistyped.DATABASE_URL }
      const onPurpose = await startServiceProcess('serve', begunAnew)
      t.after(() => onPurpose.kill())
      assert.equal((await ask(onPurpose.url, '/key', KEY)).status, 200)
      assert.equal(await onPurpose.stop(), 0)
    })

    test('is not made by looking for it', LIMIT, async (t) => {
      const url = await freshUrl(t)
      for (let again = 0; again < 2; again++) await assert.rejects(openHeads(url), { code: 'start_refused' })
    })
  })
}
