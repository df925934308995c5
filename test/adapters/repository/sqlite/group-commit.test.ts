import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { failureOf } from '../../../../src/adapters/repository/sqlite/failures.ts'
import { commitTogether } from '../../../../src/adapters/repository/sqlite/group-commit.ts'

const makeTable = (): DatabaseSync => {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE numbers (number INTEGER UNIQUE)')
  return database
}

const inserting = (database: DatabaseSync, number: number) => () => {
  database.prepare('INSERT INTO numbers VALUES (?)').run(number)
  return { value: number }
}

const numbersIn = (database: DatabaseSync): readonly unknown[] =>
  database
    .prepare('SELECT number FROM numbers ORDER BY number')
    .all()
    .map(({ number }) => number)

suite('sqlite: writes under one commit', () => {
  test('that violate a constraint fail alone', () => {
    using database = makeTable()
    const outcomes = commitTogether(
      database,
      [1, 2, 1, 3].map((number) => inserting(database, number)),
    )
    assert.deepEqual(
      outcomes.map((outcome) => ('failure' in outcome ? outcome.failure.code : outcome.value)),
      [1, 2, 'private_key_exists', 3],
    )
    assert.deepEqual(numbersIn(database), [1, 2, 3])
  })

  test('are all undone by any other error, and the next ones go on', () => {
    using database = makeTable()
    const broken = () => {
      throw new Error('broken')
    }
    assert.throws(() => commitTogether(database, [inserting(database, 1), broken]), /broken/)
    assert.deepEqual(numbersIn(database), [])
    commitTogether(database, [inserting(database, 2)])
    assert.deepEqual(numbersIn(database), [2])
  })
})

suite('sqlite: a failure on its way between the threads', () => {
  for (const [errcode, code, cause] of [
    [5, 'store_unavailable', /another process keeps the database locked; SQLite 5: text/],
    [8, 'store_unavailable', /cannot be written; SQLite 8: text/],
    [778, 'store_unavailable', /cannot be read, written or made larger; SQLite 778: text/],
    [13, 'store_unavailable', /the disk is full; SQLite 13: text/],
    [11, 'integrity_failure', /^SQLite 11: text/],
    [26, 'integrity_failure', /^SQLite 26: text/],
    [2067, 'private_key_exists', /^SQLite 2067: text/],
    [275, 'internal', /^SQLite 275: text/],
  ] as const) {
    test(`is ${code} for result code ${errcode}, and says why`, () => {
      const failure = failureOf(Object.assign(new Error('text'), { errcode, errstr: 'short' }))
      assert.equal(failure.code, code)
      assert.match(failure.cause?.message ?? '', cause)
    })
  }
})
