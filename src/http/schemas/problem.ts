import { Type } from '@sinclair/typebox'

/** RFC 9457, as every error is answered. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:cofre:error: and the code.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'The same as message.' }),
    instance: Type.String({ description: 'urn:uuid: and the request’s id.' }),
    message: Type.String({ description: 'For people: what was wrong, naming the field if it is one.' }),
    code: Type.String({ description: 'For programs: stable.' }),
    requestId: Type.String({ format: 'uuid', description: 'What the log has of this request.' }),
  },
  { description: 'An error.' },
)

export const ERROR_RESPONSES = { '4xx': ProblemSchema, '5xx': ProblemSchema }
