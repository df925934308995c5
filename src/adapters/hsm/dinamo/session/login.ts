import { SecretBytes } from '../../../../domain/secret-bytes.ts'
import type { DinamoCredentials } from './dinamo-session.ts'
import { isLoginRefusal } from './error-codes.ts'
import type { GuardedChannel } from './guarded-channel.ts'
import { REPLY } from './reply-frame.ts'
import type { DinamoSdk } from './sdk.ts'
import { SessionError } from './session-error.ts'

/** The password's owner may have ended meanwhile. */
const copyFor = (channel: GuardedChannel, password: SecretBytes): SecretBytes => {
  try {
    return SecretBytes.copyOf(password.bytes)
  } catch (cause) {
    const failure = new SessionError('closed', 'the password is gone', { cause })
    channel.fail(failure)
    throw failure
  }
}

/**
 * Gives the SDK its socket and has it prove the password. The SDK never holds the password itself: it gets a
 * copy for the one call, which is wiped.
 *
 * Precondition: the peer's certificate is one of those allowed, and the credentials are valid.
 *
 * @throws SessionError; the channel is destroyed
 */
export const login = async (
  sdk: DinamoSdk,
  channel: GuardedChannel,
  { username, password }: DinamoCredentials,
  deadlineMs: number,
): Promise<void> => {
  sdk.tlsSocket = channel
  sdk.tcpSocket = channel
  sdk.options = { authUsernamePassword: { username } }
  using copy = copyFor(channel, password)
  await channel.exchange({
    replies: [REPLY.challenge, REPLY.done],
    deadlineMs,
    call: () => sdk.openSessionWithUsernamePassword({ username, password: copy.bytes }),
    read: () => undefined,
    refused: (code) => {
      const kind = isLoginRefusal(code) ? 'login-refused' : 'device'
      throw new SessionError(kind, `the HSM answered the login with error ${code}`, { code })
    },
  })
}
