import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAuditKey } from '../../src/adapters/audit/audit-key.ts'
import { openHeads } from '../../src/service/open-repository.ts'
import { entryOf, KEY, openLog } from '../adapters/audit/support.ts'
import { keepingIo, runAudit, temporaryFolder } from './support.ts'

/** A key made by keygen, and a closed log that it signed. */
const writtenLog = async (t: TestContext) => {
  const folder = await temporaryFolder(t)
  const keyFile = join(folder, 'key.pem')
  const { io, said } = keepingIo()
  assert.equal(await runAudit(['keygen', keyFile], io), 0)
  const pem = await readFile(keyFile, 'utf8')
  const publicFile = join(folder, 'key.pub.pem')
  await writeFile(publicFile, said.printed)
  const opened = await openLog(t, {
    path: join(folder, 'audit.jsonl'),
    key: parseAuditKey(pem),
    maxFileBytes: 1_500,
  })
  const { log, path, heads } = opened
  const intent = { phase: 'intent', operation: 'storePrivateKey', requestId: 'unfinished' } as const
  await log.record(entryOf(intent))
  for (let at = 0; at < 5; at++) await log.record(entryOf({ requestId: `request ${at}` }))
  await log.close()
  const files = (await readdir(folder))
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => join(folder, name))
  assert.ok(files.length > 1, 'it was not rotated')
  const [head] = [...heads.saved.values()]
  assert.ok(head !== undefined)
  const text = await readFile(path, 'utf8')
  return { text, keyFile, publicFile, pem, path, files, head }
}

suite('cofre audit keygen', () => {
  test('makes a key for its owner alone, prints its public half, and overwrites nothing', async (t) => {
    const file = join(await temporaryFolder(t), 'key.pem')
    const { io, said } = keepingIo()
    assert.equal(await runAudit(['keygen', file], io), 0)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    const pem = await readFile(file, 'utf8')
    const printed = createPublicKey(said.printed)
    assert.ok(printed.equals(createPublicKey(parseAuditKey(pem))))
    assert.ok(!said.printed.includes('PRIVATE'))
    assert.equal(await runAudit(['keygen', file], io), 1)
    assert.equal(await readFile(file, 'utf8'), pem)
    assert.match(said.complaints, /EEXIST/)
  })
})

suite('cofre audit verify', () => {
  test('says that an untouched log is good, lists open intents, and what it can not exclude', async (t) => {
    const { files, publicFile, head } = await writtenLog(t)
    for (const order of [files, files.toReversed()]) {
      const { io, said } = keepingIo()
      const code = await runAudit(['verify', ...order, '--key', publicFile], io)
      assert.equal(code, 0, said.complaints)
      assert.match(said.printed, new RegExp(`good: log instance-1, .*, head ${head.sequence}:${head.hash}`))
      assert.match(said.printed, /intent without outcome: record 3, .* storePrivateKey .* request unfinished/)
      assert.match(said.printed, /Without --store or --head it can't be excluded/)
    }
  })

  test('trusts the public half of AUDIT_KEY, a PEM or its base64, and no other key', async (t) => {
    const { files, pem, keyFile, publicFile } = await writtenLog(t)
    const base64 = (await readFile(publicFile, 'utf8')).split('\n')[1] as string
    const ways = [
      [{ AUDIT_KEY: pem }, []],
      [{ AUDIT_KEY_FILE: keyFile }, []],
      [{}, ['--key', base64]],
      [{}, ['--key', keyFile]],
    ] as const
    for (const [environment, options] of ways) {
      const { io, said } = keepingIo(environment)
      assert.equal(await runAudit(['verify', ...files, ...options], io), 0, said.complaints)
    }
    const other = join(await temporaryFolder(t), 'other.pem')
    const { io, said } = keepingIo({ AUDIT_KEY: pem })
    assert.equal(await runAudit(['keygen', other], io), 0)
    assert.equal(await runAudit(['verify', ...files, '--key', other], io), 1)
    assert.match(said.complaints, /BROKEN: .* line 2: checkpoint|BROKEN: .* line 3: checkpoint/)
  })

  test('names file and line of the first break', async (t) => {
    const { path, text, files, publicFile } = await writtenLog(t)
    await writeFile(path, text.replace('request 4', 'request X'))
    const { io, said } = keepingIo()
    const code = await runAudit(['verify', ...files, '--key', publicFile], io)
    assert.equal(code, 1)
    assert.match(
      said.complaints,
      new RegExp(`BROKEN: .*${basename(path)} line \\d+: record \\d+ does not follow`),
    )
  })

  test('notices a cut at a checkpoint with the head of the store, or one that is given', async (t) => {
    const { path, text, files, publicFile, head } = await writtenLog(t)
    const lines = text.split(/(?<=\n)/)
    const run = async (...options: readonly string[]) => {
      const { io, said } = keepingIo({ DATABASE_URL: 'sqlite:from-environment' }, [head])
      return { code: await runAudit(['verify', ...files, '--key', publicFile, ...options], io), ...said }
    }
    const store = await run('--store', 'sqlite:x')
    assert.deepEqual([store.code, store.opened, store.closed], [0, ['sqlite:x'], 1])
    assert.deepEqual((await run('--store', '')).opened, ['sqlite:from-environment'])
    assert.equal((await run('--head', `${head.sequence}:${head.hash}`)).code, 0)
    await writeFile(path, lines.slice(0, -2).join(''))
    assert.equal((await run()).code, 0)
    for (const options of [
      ['--store', 'sqlite:x'],
      ['--head', `${head.sequence}:${head.hash}`],
    ]) {
      const cut = await run(...options)
      assert.equal(cut.code, 1)
      assert.match(cut.complaints, /its end was cut off/)
    }
  })

  test('misses every log that the store knows, or those that are named', async (t) => {
    const { files, publicFile, head } = await writtenLog(t)
    const known = [head, { ...head, instance: 'elsewhere \u001b[2J' }]
    const run = async (...options: readonly string[]) => {
      const { io, said } = keepingIo({}, known)
      const args = ['verify', ...files, '--key', publicFile, '--store', 'sqlite:x', ...options]
      return { code: await runAudit(args, io), ...said }
    }
    const all = await run()
    assert.equal(all.code, 1, 'a log that was removed as a whole is a cut')
    assert.match(all.complaints, /BROKEN: log elsewhere .* has no file here/)
    assert.ok(!all.complaints.includes('\u001b'))
    const one = await run('--log', head.instance)
    assert.equal(one.code, 0, one.complaints)
    assert.match(one.printed, /Not asked for: the logs elsewhere/)
    const other = await run('--log', head.instance, '--log', 'never')
    assert.equal(other.code, 1)
    assert.match(other.complaints, /BROKEN: log never has no file here/)
  })

  test('shows no control character of a file', async (t) => {
    const { log, path, heads } = await openLog(t)
    const wild = 'wild \u001b[2J\u009b \u202e'
    const identity = { tenant: 'default', pub: wild, source: 'user' } as const
    await log.record(
      entryOf({ phase: 'intent', operation: 'storePrivateKey', requestId: `r ${wild}`, identity }),
    )
    await log.close()
    assert.ok(heads.saved.size > 0)
    const { io, said } = keepingIo({ AUDIT_KEY: KEY.export({ type: 'pkcs8', format: 'pem' }) as string })
    assert.equal(await runAudit(['verify', path], io), 0)
    assert.match(said.printed, /intent without outcome: .* tenant default pub wild .*, request r wild /)
    assert.doesNotMatch(said.printed.replaceAll('\n', ''), /\p{C}/u)
  })

  test('makes no store where the one that is named is not', async (t) => {
    const { files, publicFile } = await writtenLog(t)
    const folder = join(await temporaryFolder(t), 'typo')
    const { io, said } = keepingIo()
    const args = [
      'verify',
      ...files,
      '--key',
      publicFile,
      '--store',
      `sqlite:${join(folder, 'cofre.sqlite')}`,
    ]
    assert.equal(await runAudit(args, { ...io, openHeads }), 1)
    assert.match(said.complaints, /--store: The database .*typo.* cannot be opened/)
    await assert.rejects(stat(folder), { code: 'ENOENT' })
  })

  test('takes the later files alone with the end of the earlier ones', async (t) => {
    const { path, publicFile } = await writtenLog(t)
    const [first] = (await readFile(path, 'utf8')).split('\n')
    const { seq, prev } = JSON.parse(first as string) as { seq: number; prev: string }
    const { io } = keepingIo()
    assert.equal(await runAudit(['verify', path, '--key', publicFile], io), 1)
    const after = ['--after', `${seq - 1}:${prev}`]
    assert.equal(await runAudit(['verify', path, '--key', publicFile, ...after], io), 0)
  })

  test('verifies several logs in one call', async (t) => {
    const { log, path } = await openLog(t)
    await log.close()
    const other = await openLog(t, { instance: 'instance-2' })
    await other.log.close()
    const folder = await temporaryFolder(t)
    const key = join(folder, 'key.pem')
    await writeFile(key, KEY.export({ type: 'pkcs8', format: 'pem' }))
    const { io, said } = keepingIo()
    assert.equal(await runAudit(['verify', path, other.path, '--key', key], io), 0)
    assert.match(said.printed, /log instance-1.*log instance-2/s)
    assert.equal(
      await runAudit(['verify', path, other.path, '--key', key, '--head', `1:${'0'.repeat(64)}`], io),
      2,
    )
  })

  test('waits for a writer that is in the middle of a block', async (t) => {
    const { path, files, publicFile } = await writtenLog(t)
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, -20))
    const { io, said } = keepingIo()
    const verifying = runAudit(['verify', ...files, '--key', publicFile], io)
    await sleep(50)
    await appendFile(path, whole.subarray(-20))
    assert.equal(await verifying, 0, said.complaints)
  })

  test('says how it is called', async (t) => {
    const { path, publicFile } = await writtenLog(t)
    const key = ['--key', publicFile]
    const wrong = [
      [],
      ['verify'],
      ['verify', ...key],
      ['verify', path],
      ['verify', path, '--key', path],
      ['verify', path, '--key', `${path}.missing`],
      ['verify', path, ...key, '--head', '12'],
      ['verify', path, ...key, '--store', ''],
      ['verify', path, ...key, '--store', 'sqlite:x', '--head', `1:${'0'.repeat(64)}`],
      ['verify', path, ...key, '--unknown'],
      ['verify', path, ...key, '--log', 'instance-1'],
      ['destroy', path],
    ]
    for (const argv of wrong) {
      const { io, said } = keepingIo()
      assert.equal(await runAudit(argv, io), 2, argv.join(' '))
      assert.match(said.complaints, /^cofre audit/)
    }
    const { io, said } = keepingIo()
    assert.equal(await runAudit(['verify', `${path}.missing`, ...key], io), 1)
    assert.match(said.complaints, /ENOENT/)
    assert.equal(await runAudit(['help'], io), 0)
    assert.match(said.printed, /cofre audit verify FILE/)
  })
})

suite('cofre audit tail', () => {
  test('shows the last records to people', async (t) => {
    const { log, path } = await openLog(t)
    await log.record(entryOf({ requestId: 'one', owner: '' }))
    await log.record(entryOf({ requestId: 'two \u001b[2J', outcome: 'forbidden' }))
    await log.close()
    const { io, said } = keepingIo()
    assert.equal(await runAudit(['tail', path, '-n', '1'], io), 0)
    assert.match(
      said.printed,
      /^ +5 2\S+ getPrivateKey forbidden by wallet at 127.0.0.1 tenant=default pub=xpub source=user/,
    )
    assert.ok(!said.printed.includes('\u001b'), 'no control characters reach the terminal')
    assert.equal(said.printed.split('\n').length, 2)
    assert.equal(await runAudit(['tail', path, '--checkpoints'], io), 0)
    assert.match(said.printed, /checkpoint instance=instance-1/)
  })

  test('follows a log until it is stopped', async (t) => {
    const { log, path } = await openLog(t)
    const stop = Promise.withResolvers<void>()
    const { io, said } = keepingIo({}, [], stop.promise)
    const tailing = runAudit(['tail', path, '--follow'], io)
    while (!said.printed.includes('opened')) await sleep(5)
    await log.record(entryOf({ requestId: 'comes later' }))
    while (!said.printed.includes('comes later')) await sleep(5)
    stop.resolve()
    assert.equal(await tailing, 0)
    assert.equal(said.printed.match(/comes later/g)?.length, 1)
  })
})
