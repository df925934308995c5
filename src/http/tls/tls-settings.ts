/** A file, and the variable that names it. */
export interface NamedFile {
  readonly variable: string
  readonly path: string
}

export interface NamedText {
  readonly variable: string
  readonly text: string
}

/** Where the server's side of mTLS comes from. */
export interface TlsSettings {
  /** The certificate chain, the server's own first. */
  readonly certificate: NamedFile
  readonly key: NamedFile
  /** The authorities of client certificates. Not used where `selfSigned` is set. */
  readonly authorities?: NamedFile
  /** The client certificates that may call; without it all that the authorities issued. */
  readonly fingerprints?: NamedFile | NamedText
  /** The fingerprints alone decide about client certificates. */
  readonly selfSigned: boolean
}
