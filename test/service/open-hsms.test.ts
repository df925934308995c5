import assert from 'node:assert/strict'
import { test } from 'node:test'
import { provider } from '../../src/adapters/hsm/memory/provider.ts'
import { KmsError } from '../../src/domain/errors.ts'
import type { HsmPort } from '../../src/ports/hsm.port.ts'
import { openHsms } from '../../src/service/open-hsms.ts'
import { keepingLogger } from '../support/logger.ts'

test('a provider whose HSM has another name is refused, and closed', async () => {
  let closed = 0
  const renamed = {
    ...provider,
    name: 'acme',
    create: async (...given: Parameters<typeof provider.create>): Promise<HsmPort> => {
      const hsm = await provider.create(...given)
      return Object.assign(hsm, { close: async () => void closed++ })
    },
  }
  const { logger } = keepingLogger()
  const open = async (): Promise<void> => {
    await using resources = new AsyncDisposableStack()
    await openHsms([{ provider: renamed, settings: {} }], logger, resources)
  }
  await assert.rejects(
    open(),
    (error) => KmsError.is(error, 'start_refused') && /acme .* memory/.test(error.message),
  )
  assert.equal(closed, 1)
})
