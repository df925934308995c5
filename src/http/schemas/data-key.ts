import { Type } from '@sinclair/typebox'
import { ERROR_RESPONSES } from './problem.ts'

const PlaintextKey = Type.String({ description: 'The data key: base64 of 32 bytes.' })
const EncryptedKey = Type.String({ description: 'The data key, wrapped: opaque, one line of ASCII.' })

export const generateDataKeySchema = {
  summary: 'Makes a data key in the HSM',
  description: 'The service keeps nothing of it.',
  body: Type.Object({ keyType: Type.String({ description: 'AES-256.' }) }),
  response: {
    200: Type.Object(
      { plaintextKey: PlaintextKey, encryptedKey: EncryptedKey },
      { description: 'A new key.' },
    ),
    ...ERROR_RESPONSES,
  },
}

export const decryptDataKeySchema = {
  summary: 'Unwraps a data key in the HSM',
  description: 'Gives exactly the plaintextKey that generateDataKey gave.',
  body: Type.Object({ encryptedKey: EncryptedKey }),
  response: {
    200: Type.Object({ plaintextKey: PlaintextKey }, { description: 'The data key.' }),
    ...ERROR_RESPONSES,
  },
}
