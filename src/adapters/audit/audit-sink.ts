/** Where the log's bytes go. Called once at a time. */
export interface AuditSink {
  /** Of the file that is written to, in bytes: what is on disk for certain. */
  readonly size: number

  /** Resolves when all bytes are on disk. Where it rejects, none of them is part of the log. */
  append(bytes: Uint8Array): Promise<void>

  /**
   * Puts the file aside and begins the next one. Where it rejects it may be called again.
   *
   * @returns the name of the file that ended
   */
  rotate(lastSequence: number): Promise<string>

  close(): Promise<void>
}
