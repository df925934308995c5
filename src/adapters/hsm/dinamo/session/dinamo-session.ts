import type { KeyObject } from 'node:crypto'
import type { SecretBytes } from '../../../../domain/secret-bytes.ts'
import { checkCredentials } from './arguments.ts'
import { GuardedChannel } from './guarded-channel.ts'
import { GuardedSession } from './guarded-session.ts'
import { login } from './login.ts'
import { openTcp } from './open-tcp.ts'
import { openTls } from './open-tls.ts'
import { makeSdk } from './sdk.ts'
import { SessionError } from './session-error.ts'

export interface DinamoTarget {
  readonly host: string
  readonly port: number
}

export interface DinamoCredentials {
  /** 1 to 16 printable ASCII characters. */
  readonly username: string
  /** 1 to 16 printable ASCII characters; stays its giver's to dispose. */
  readonly password: SecretBytes
}

/** Times in milliseconds. */
export interface DinamoSessionOptions {
  /** Asked at every opening. */
  readonly credentials: () => DinamoCredentials
  /** The certificates that are let in: SHA-256 of the DER, lower-case hex. */
  readonly certificateSha256: readonly string[]
  /** For the whole opening, login included. */
  readonly connectTimeoutMs: number
  /** For each reply. */
  readonly operationTimeoutMs: number
  /** For the making of an RSA key. */
  readonly rsaTimeoutMs: number
  /** Lets a device in that has no ECDHE suite. */
  readonly allowStaticRsa: boolean
  readonly rootKeyExportable: boolean
}

/** What the device makes of a block. Both refusals are answers: the block is a caller's. */
export type DinamoAnswer =
  /** 0 to 256 bytes, the receiver's to dispose. */
  | { readonly kind: 'opened'; readonly bytes: SecretBytes }
  | { readonly kind: 'refused'; readonly code: number }
  | { readonly kind: 'no-such-object' }

/** What the device says when it is asked for a root key's private half. */
export type DinamoPrivateHalf =
  | { readonly kind: 'stays' }
  /** It came, and was wiped. */
  | { readonly kind: 'leaves' }
  /** Not asked: root keys are configured to be exportable. */
  | { readonly kind: 'may-leave' }
  | { readonly kind: 'unclear'; readonly code: number }
  | { readonly kind: 'no-such-object' }

/**
 * One login, for one operation at a time. An operation ends within its deadline; one that fails with a
 * SessionError has destroyed the session.
 *
 * @throws TypeError for an argument that is not valid, or a second operation at once: nothing was sent, the
 *   session is as it was
 */
export interface DinamoSession {
  /** Whether an operation may begin: false once the peer closed, anything went wrong, or something unasked came. */
  readonly usable: boolean
  /** RSA-2048, permanent. */
  createRootKey(name: string): Promise<'created' | 'exists'>
  /** Undefined: no such object. Of any kind and size: the caller checks. */
  exportPublicKey(name: string): Promise<KeyObject | undefined>
  /** The SDK reads no attributes of an object: whether it can be exported shows only when it is tried. */
  tryPrivateKey(name: string): Promise<DinamoPrivateHalf>
  /** 32 bytes; the object is temporary and ends with the session. The caller disposes. */
  makeDataKey(name: string): Promise<SecretBytes>
  /** @param block 256 bytes */
  unwrap(name: string, block: Uint8Array): Promise<DinamoAnswer>
  /** At once; what is under way fails with `closed`. */
  destroy(): void
  /** Says goodbye, within a bound; resolves in any case. */
  close(): Promise<void>
}

/**
 * The SDK is loaded by the first call.
 *
 * @throws SessionError; nothing of the attempt is left open
 * @throws TypeError for credentials that are not valid; nothing was sent
 */
export const openDinamoSession = async (
  target: DinamoTarget,
  options: DinamoSessionOptions,
): Promise<DinamoSession> => {
  const credentials = options.credentials()
  checkCredentials(credentials)
  const { connectTimeoutMs } = options
  const begun = performance.now()
  const opening = new AbortController()
  const timer = setTimeout(
    () => opening.abort(new SessionError('deadline', `no session within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  )
  try {
    const sdk = await makeSdk()
    const raw = await openTcp(target, opening.signal)
    const channel = new GuardedChannel(await openTls(raw, options, opening.signal))
    const left = Math.ceil(connectTimeoutMs - (performance.now() - begun))
    await login(sdk, channel, credentials, left)
    return new GuardedSession(sdk, channel, options)
  } finally {
    clearTimeout(timer)
  }
}
