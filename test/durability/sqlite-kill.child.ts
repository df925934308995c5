import { writeSync } from 'node:fs'
import { openSqliteKeyRepository } from '../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { rowNamed } from './sqlite-rows.ts'

/** Inserts until it is killed, and prints each pub once its insert was acknowledged. */
const [path = '', round = ''] = process.argv.slice(2)
const WRITERS = 8

const store = await openSqliteKeyRepository({ path })

const write = async (writer: number): Promise<never> => {
  for (let count = 0; ; count++) {
    const pub = `round ${round} writer ${writer} row ${count}`
    await store.insertPrivateKey(rowNamed(pub))
    writeSync(process.stdout.fd, `${pub}\n`)
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
