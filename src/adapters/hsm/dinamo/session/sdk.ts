/** The part of a socket that the SDK uses once a connection stands. */
export interface SdkSocket {
  once(event: string, listener: (frame: Buffer) => void): unknown
  /** Never throws, and never says `false`: the SDK takes that for a failure. */
  write(bytes: Buffer, written?: () => void): true
  destroy(): void
}

/**
 * The calls of the SDK that are used, and no others: the rest must not be called by accident. Names and sizes
 * must be checked before each call, because the SDK rejects what it finds wrong and sends it all the same.
 *
 * `connect` is not among them: it has no deadline, takes any certificate and keeps the password.
 */
export interface DinamoSdk {
  tlsSocket: SdkSocket
  tcpSocket: SdkSocket
  options: { readonly authUsernamePassword: { readonly username: string } }
  /** The SDK copies the password with `Buffer.fill`, so bytes do as well as text, and can be wiped. */
  openSessionWithUsernamePassword(auth: {
    readonly username: string
    readonly password: Buffer
  }): Promise<unknown>
  /** Writes the close frame, then destroys the sockets. */
  disconnect(): Promise<unknown>
  readonly key: {
    create(name: string, algorithm: number, exportable: boolean, temporary: boolean): Promise<unknown>
    exportSymmetric(name: string): Promise<Buffer>
    exportAsymmetricPub(name: string, spki: boolean): Promise<Buffer>
    exportAsymmetricPriv(name: string): Promise<Buffer>
  }
  readonly cryptography: {
    dataUnenvelop(name: string, block: Uint8Array): Promise<Buffer>
  }
}

/** Of the SDK's enums. */
export const ALGORITHM = { rsa2048: 6, aes256: 9 } as const

interface SdkModule {
  readonly default: { readonly default: new () => DinamoSdk }
}

/** The package's inner module, loaded at the first use: its public face gives no instance before it connects. */
export const makeSdk = async (): Promise<DinamoSdk> => {
  const { default: module } = (await import(
    '@dinamonetworks/hsm-dinamo/dist/hsm/hsm.js'
  )) as unknown as SdkModule
  return new module.default()
}
