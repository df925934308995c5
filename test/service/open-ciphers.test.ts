import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSettings } from '../../src/config/service-settings.ts'
import { openCiphers } from '../../src/service/open-ciphers.ts'
import { keepingLogger } from '../support/logger.ts'

const settings = (format: 'sjcl' | 'a256gcm', engine: 'node' | 'sjcl'): ServiceSettings =>
  ({ ENVELOPE_FORMAT: format, ENVELOPE_ENGINE: engine }) as ServiceSettings

for (const engine of ['node', 'sjcl'] as const) {
  test(`every format is read and the configured one is written, with the engine ${engine}`, async () => {
    const { logger, lines } = keepingLogger()
    const formats = async (format: 'sjcl' | 'a256gcm') =>
      (await openCiphers(settings(format, engine), logger)).map((cipher) => cipher.format)
    assert.deepEqual(await formats('sjcl'), ['sjcl', 'a256gcm'])
    assert.deepEqual(await formats('a256gcm'), ['a256gcm', 'sjcl'])
    assert.equal(lines.filter(({ level }) => level === 'warn').length, engine === 'sjcl' ? 2 : 0)
  })
}
