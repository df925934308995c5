import { pbkdf2 as pbkdf2Callback } from 'node:crypto'
import { promisify } from 'node:util'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../../ports/envelope-cipher.port.ts'
import type { SjclEngine } from '../sjcl-json/engine.ts'
import { KEY_BYTES } from '../sjcl-json/format.ts'
import { type SjclCipherOptions, sjclJsonCipher } from '../sjcl-json/sjcl-json-cipher.ts'
import { ccmOpen, ccmSeal } from './ccm.ts'

const pbkdf2 = promisify(pbkdf2Callback)

const nodeEngine: SjclEngine = {
  /** In the thread pool: the event loop goes on. */
  async deriveKey(password, salt, iterations) {
    return SecretBytes.take(await pbkdf2(password.bytes, salt, iterations, KEY_BYTES, 'sha256'))
  },
  seal: ccmSeal,
  open: ccmOpen,
}

/** The SJCL envelope on node:crypto: the engine to use. */
export const nodeSjclCipher = (options?: SjclCipherOptions): EnvelopeCipherPort =>
  sjclJsonCipher(nodeEngine, options)
