import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { type Load, type LoadResult, load, loadWithNewConnections } from './support/load.ts'
import { residentMiB } from './support/processes.ts'
import { type SimulatorProcess, startService, type Target } from './targets.ts'

export const OPERATIONS = ['store', 'read', 'generateDataKey', 'decryptDataKey'] as const
export type Operation = (typeof OPERATIONS)[number]

export interface Measured extends LoadResult {
  /** Of the event loop under this load; undefined where the target can't be asked. */
  readonly loopDelayP99Ms: number | undefined
}
export type OperationResults = Readonly<Record<Operation, Measured>>

/** As long as an xprv. */
const PRV = `xprv${randomBytes(80).toString('base64url')}`.slice(0, 111)
const TOKENS = 32
const WARM_UP_SECONDS = 1
/** Read in turn; the reference reads each once, because SJCL remembers the passwords that it has seen. */
const STORED = 192

const keyBody = (pub: string): object => ({
  pub,
  prv: PRV,
  source: 'user',
  coin: 'tbtc',
  type: 'independent',
})

const post = async (url: string, path: string, body: object): Promise<Record<string, string>> => {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
  return (await answer.json()) as Record<string, string>
}

const askProbe = (path: string): Promise<{ loopDelayP99Ms: number; residentMiB: number }> =>
  new Promise((resolve, reject) => {
    request({ socketPath: path }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve(JSON.parse(text)))
    })
      .on('error', reject)
      .end()
  })

let nextPub = 0
const newPub = (): string => `bench-${process.pid}-${nextPub++}`

export interface MeasureOptions {
  readonly seconds: number
  readonly newConnections?: boolean
  /** Starts the target anew between storing and reading, and reads nothing twice. */
  readonly forgetful?: boolean
}

/** The four operations of one target. It is stopped by whoever started it, unless it is a forgetful one. */
export const measureOperations = async (
  first: Target,
  { seconds, newConnections = false, forgetful = false }: MeasureOptions,
): Promise<OperationResults> => {
  let target = first
  const measure = async (next: Load['next'], amount?: number): Promise<Measured> => {
    const run = newConnections ? loadWithNewConnections : load
    // Measured is a program that has been compiled, as for nearly all of its life.
    if (amount === undefined) await run({ url: target.url, seconds: WARM_UP_SECONDS, next })
    if (target.probe !== undefined) await askProbe(target.probe)
    const result = await run({ url: target.url, seconds, next, ...(amount === undefined ? {} : { amount }) })
    const loopDelayP99Ms = target.probe && (await askProbe(target.probe)).loopDelayP99Ms
    return { ...result, loopDelayP99Ms: loopDelayP99Ms || undefined }
  }
  const store = await measure(() => ({ method: 'POST', path: '/key', body: keyBody(newPub()) }))
  const pubs = Array.from({ length: STORED }, newPub)
  await Promise.all(pubs.map((pub) => post(target.url, '/key', keyBody(pub))))
  const tokens: string[] = []
  for (let n = 0; n < TOKENS; n++) {
    const { encryptedKey = '' } = await post(target.url, '/generateDataKey', { keyType: 'AES-256' })
    tokens.push(encryptedKey)
  }
  if (forgetful) target = await target.restart()
  let turn = 0
  const read = await measure(
    () => ({ method: 'GET', path: `/key/${pubs[turn++ % STORED]}?source=user` }),
    forgetful ? STORED : undefined,
  )
  const generateDataKey = await measure(() => ({
    method: 'POST',
    path: '/generateDataKey',
    body: { keyType: 'AES-256' },
  }))
  const decryptDataKey = await measure(() => ({
    method: 'POST',
    path: '/decryptDataKey',
    body: { encryptedKey: tokens[turn++ % TOKENS] ?? '' },
  }))
  if (forgetful) await target.stop()
  return { store, read, generateDataKey, decryptDataKey }
}

/** Milliseconds from the start of `node` to the line that says it listens: the median of five, on a store that exists. */
export const measureStart = async (folder: string, simulator: SimulatorProcess): Promise<number> => {
  const times: number[] = []
  const store = { DATABASE_URL: `sqlite:${folder}/start.sqlite` }
  await (await startService(folder, simulator, store)).stop()
  for (let n = 0; n < 5; n++) {
    const target = await startService(folder, simulator, store)
    times.push(target.startMs)
    await target.stop()
  }
  return times.toSorted((a, b) => a - b)[2] ?? Number.NaN
}

export interface MemoryResult {
  readonly atStartMiB: number
  readonly after10kMiB: number
  readonly after100kMiB: number
}

const MIXED_SECONDS = 5

/** Resident memory of one service over 100,000 operations of all kinds; a256gcm, so that it takes minutes, not hours. */
export const measureMemory = async (
  folder: string,
  simulator: SimulatorProcess,
  say: (line: string) => void,
): Promise<MemoryResult> => {
  const target = await startService(folder, simulator, { ENVELOPE_FORMAT: 'a256gcm' })
  const atStartMiB = residentMiB(target.pid)
  const { encryptedKey = '' } = await post(target.url, '/generateDataKey', { keyType: 'AES-256' })
  const pub = newPub()
  await post(target.url, '/key', keyBody(pub))
  const kinds = [
    () => ({ method: 'POST', path: '/key', body: keyBody(newPub()) }) as const,
    () => ({ method: 'GET', path: `/key/${pub}?source=user` }) as const,
    () => ({ method: 'POST', path: '/generateDataKey', body: { keyType: 'AES-256' } }) as const,
    () => ({ method: 'POST', path: '/decryptDataKey', body: { encryptedKey } }) as const,
  ]
  let sent = 0
  let after10kMiB = Number.NaN
  while (sent < 100_000) {
    const next = () => (kinds[sent++ % kinds.length] as (typeof kinds)[number])()
    await load({ url: target.url, seconds: MIXED_SECONDS, next })
    if (Number.isNaN(after10kMiB) && sent >= 10_000) after10kMiB = residentMiB(target.pid)
    say(`memory: ${sent} operations, ${residentMiB(target.pid).toFixed(0)} MiB`)
  }
  const after100kMiB = residentMiB(target.pid)
  await target.stop()
  return { atStartMiB, after10kMiB, after100kMiB }
}
