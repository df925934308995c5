import type { TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { DinamoSession, DinamoTarget } from '../../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import { GuardedChannel } from '../../../src/adapters/hsm/dinamo/session/guarded-channel.ts'
import { GuardedSession } from '../../../src/adapters/hsm/dinamo/session/guarded-session.ts'
import { login } from '../../../src/adapters/hsm/dinamo/session/login.ts'
import { openTcp } from '../../../src/adapters/hsm/dinamo/session/open-tcp.ts'
import { openTls } from '../../../src/adapters/hsm/dinamo/session/open-tls.ts'
import { type DinamoSdk, makeSdk } from '../../../src/adapters/hsm/dinamo/session/sdk.ts'
import { optionsFor } from '../../adapters/hsm/dinamo/session/support.ts'

export interface OpenedSession {
  readonly session: DinamoSession
  readonly channel: GuardedChannel
  readonly socket: TLSSocket
}

/** A session with its inside laid open, put together as `openDinamoSession` does. */
export const openInside = async (
  t: TestContext,
  target: DinamoTarget & { readonly certificateSha256: string },
  given?: DinamoSdk,
): Promise<OpenedSession> => {
  const options = optionsFor(target.certificateSha256)
  const { signal } = new AbortController()
  const socket = await openTls(
    await openTcp({ host: target.host, port: target.port }, signal),
    options,
    signal,
  )
  t.after(() => socket.destroy())
  const sdk = given ?? (await makeSdk())
  const channel = new GuardedChannel(socket)
  await login(sdk, channel, options.credentials(), options.connectTimeoutMs)
  return { session: new GuardedSession(sdk, channel, options), channel, socket }
}
