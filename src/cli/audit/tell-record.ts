import { printable } from './printable.ts'

interface AnyRecord {
  readonly seq?: unknown
  readonly time?: unknown
  readonly kind?: unknown
  readonly [name: string]: unknown
}

const parse = (line: string): AnyRecord | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as AnyRecord) : undefined
  } catch {
    return undefined
  }
}

const tellOperation = ({
  operation,
  phase,
  outcome,
  client,
  address,
  owner,
  identity,
  requestId,
}: AnyRecord) => {
  const { fingerprint = '', subject = '' } = (client ?? {}) as { fingerprint?: string; subject?: string }
  const who = owner !== '' ? owner : subject !== '' ? subject : fingerprint
  const { tenant, pub, source } = (identity ?? {}) as { tenant?: string; pub?: string; source?: string }
  const about =
    pub === undefined
      ? []
      : [`tenant=${printable(tenant)}`, `pub=${printable(pub)}`, `source=${printable(source)}`]
  const result = phase === 'intent' ? 'intent' : outcome
  return [
    printable(operation),
    printable(result),
    `by ${printable(who === '' ? 'anyone' : who)} at ${printable(address)}`,
    ...about,
    `request=${printable(requestId)}`,
  ].join(' ')
}

const TOLD = new Set(['seq', 'prev', 'time', 'kind', 'signature'])

const tellOther = (record: AnyRecord): string =>
  Object.entries(record)
    .filter(([name]) => !TOLD.has(name))
    .map(([name, value]) => `${printable(name)}=${printable(value)}`)
    .join(' ')

/** One record for a person, with its line end. @returns undefined for a checkpoint that is not asked for */
export const tellRecord = (line: string, checkpoints: boolean): string | undefined => {
  const record = parse(line)
  if (record === undefined) return `? ${printable(line.slice(0, 200))}\n`
  const { seq, time, kind } = record
  if (kind === 'checkpoint' && !checkpoints) return undefined
  const text = kind === 'operation' ? tellOperation(record) : `${printable(kind)} ${tellOther(record)}`
  return `${printable(seq).padStart(8)} ${printable(time)} ${text}\n`
}
