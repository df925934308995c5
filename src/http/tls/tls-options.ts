import { constants } from 'node:crypto'
import type { TlsOptions } from '../server.ts'

/** OpenSSL wipes what it decrypted; Node has no constant for it. */
const SSL_OP_CLEANSE_PLAINTEXT = 0x2
const HANDSHAKE_TIMEOUT_MS = 10_000

/** AEAD with forward secrecy alone. The server's order counts, and it is the same for both kinds of keys. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

/** The hybrid first, so that a recording of today is of no use to a quantum computer. */
const GROUPS = 'X25519MLKEM768:X25519:P-256'

/** PEM. */
export interface TlsContents {
  readonly certificate: Buffer
  readonly key: Buffer
  readonly authorities: Buffer | undefined
}

/**
 * Every client is asked for a certificate, and the handshake goes on whatever comes of it: `rejectUnauthorized`
 * would end it before the client could be told why. Who may go on is decided for each connection by `judgeClient`.
 *
 * No session is ever resumed: a resumed one is not checked against the authorities of today.
 */
export const tlsOptions = ({ certificate, key, authorities }: TlsContents) =>
  ({
    cert: certificate,
    key,
    // Without a list Node would take all the authorities that it knows.
    ca: authorities ?? [],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    ecdhCurve: GROUPS,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    noDelay: true,
  }) satisfies TlsOptions
