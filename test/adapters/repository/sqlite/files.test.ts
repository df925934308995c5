import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { openDatabase } from '../../../../src/adapters/repository/sqlite/database.ts'
import { rowOf } from '../../../contracts/key-repository/samples.ts'
import { openAt, temporaryFolder, temporaryPath, withDatabase } from './support.ts'

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

const modesIn = async (folder: string): Promise<Record<string, string>> => {
  const names = (await readdir(folder)).toSorted()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await modeOf(join(folder, name))])),
  )
}

const ALL_PRIVATE = { 'cofre.sqlite': '600', 'cofre.sqlite-shm': '600', 'cofre.sqlite-wal': '600' }

suite('sqlite: the files', () => {
  test('are readable by their owner alone, and so is a folder that was missing, whatever the umask', async (t) => {
    const before = process.umask(0)
    t.after(() => process.umask(before))
    const folder = join(await temporaryFolder(t), 'data', 'keys')
    const store = await openAt(t, join(folder, 'cofre.sqlite'))
    await store.insertPrivateKey(rowOf())
    assert.equal(await modeOf(folder), '700')
    assert.equal(await modeOf(join(folder, '..')), '700')
    assert.deepEqual(await modesIn(folder), ALL_PRIVATE)
  })

  test('are made private if they were not, and the folder is left alone', async (t) => {
    const folder = await temporaryFolder(t)
    await chmod(folder, 0o755)
    const path = join(folder, 'cofre.sqlite')
    for (const suffix of ['', '-wal', '-shm']) {
      await writeFile(path + suffix, '')
      await chmod(path + suffix, 0o666)
    }
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(await modesIn(folder), ALL_PRIVATE)
    assert.equal(await modeOf(folder), '755')
  })

  test('keep what was stored from one opening to the next', async (t) => {
    const path = await temporaryPath(t)
    const first = await openAt(t, path)
    await first.insertPrivateKey(rowOf())
    await first.close()
    assert.deepEqual(await (await openAt(t, path)).findPrivateKey(rowOf()), rowOf())
  })

  test('have a write-ahead log that is flushed with every commit', async (t) => {
    const database = openDatabase({ path: await temporaryPath(t), mayCreate: true })
    t.after(() => database.close())
    const pragma = (name: string) => ({ ...database.prepare(`PRAGMA ${name}`).get() })
    assert.deepEqual(pragma('journal_mode'), { journal_mode: 'wal' })
    assert.deepEqual(pragma('synchronous'), { synchronous: 2n })
  })
})

const refusal = (text: RegExp) => ({ name: 'KmsError', code: 'start_refused', message: text })

suite('sqlite: a start is refused', () => {
  for (const [what, content, text] of [
    [
      'no database',
      'a file of somebody else, long enough to be looked at '.repeat(40),
      /is not a Cofre database/,
    ],
    ['a short text', 'hello', /is not a Cofre database/],
  ] as const) {
    test(`over ${what}, which stays as it was`, async (t) => {
      const path = await temporaryPath(t)
      await writeFile(path, content)
      await assert.rejects(openAt(t, path), refusal(text))
      assert.equal(await readFile(path, 'utf8'), content)
    })
  }

  test("over another program's database, which stays as it was", async (t) => {
    const path = await temporaryPath(t)
    withDatabase(path, (database) => database.exec('CREATE TABLE recipes (name TEXT)'))
    const before = await readFile(path)
    await assert.rejects(openAt(t, path), refusal(/is not a Cofre database/))
    assert.deepEqual(await readFile(path), before)
  })

  test('over a database of a newer program, which stays as it was', async (t) => {
    const path = await temporaryPath(t)
    await (await openAt(t, path)).close()
    withDatabase(path, (database) => database.exec('PRAGMA user_version = 7'))
    const before = await readFile(path)
    await assert.rejects(
      openAt(t, path),
      refusal(/has schema version 7, and this program knows versions up to 1/),
    )
    assert.deepEqual(await readFile(path), before)
  })

  test('over a folder', async (t) => {
    const path = await temporaryPath(t)
    await mkdir(path)
    await assert.rejects(openAt(t, path), refusal(/is not a file/))
  })

  test('where the folder cannot be made', async (t) => {
    const path = await temporaryPath(t)
    await writeFile(path, '')
    await assert.rejects(openAt(t, join(path, 'cofre.sqlite')), refusal(/cannot be opened/))
  })
})
