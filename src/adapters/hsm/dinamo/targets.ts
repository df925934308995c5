import { isIPv6 } from 'node:net'
import { KmsError } from '../../../domain/errors.ts'
import type { DinamoTarget } from './session/dinamo-session.ts'

const DEFAULT_PORT = 4_433
const HOST_AND_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})))(?::(\d{1,5}))?$/
const FINGERPRINT = /^(?:sha256:)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})$/

export const HOSTS_ALLOWED = 'one or several HOST, HOST:PORT or [IPV6]:PORT, comma-separated'
export const FINGERPRINTS_ALLOWED =
  'one or several SHA-256 fingerprints of 64 hexadecimal digits, comma-separated'

const refused = (variable: string, found: string, allowed: string): KmsError =>
  new KmsError('start_refused', {
    message: `${variable} holds ${JSON.stringify(found)}: it must be ${allowed}`,
  })

/** A device, and its name in logs, metrics and claims: `HOST:PORT`. */
export interface NamedTarget extends DinamoTarget {
  readonly name: string
}

const parseTarget = (text: string): NamedTarget | undefined => {
  const [, bracketed, plain, digits] = HOST_AND_PORT.exec(text) ?? []
  const host = (bracketed ?? plain)?.toLowerCase()
  const port = digits === undefined ? DEFAULT_PORT : Number(digits)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined
  return { host, port, name: `${bracketed === undefined ? host : `[${host}]`}:${port}` }
}

/** @throws KmsError `start_refused` naming DINAMO_HOST */
export const parseTargets = (text: string): readonly [NamedTarget, ...NamedTarget[]] => {
  const targets = text.split(',').map((part) => {
    const target = parseTarget(part.trim())
    if (target === undefined) throw refused('DINAMO_HOST', part.trim(), HOSTS_ALLOWED)
    return target
  })
  const names = targets.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw refused('DINAMO_HOST', twice, 'a list that names each host once')
  return targets as [NamedTarget, ...NamedTarget[]]
}

/**
 * @returns lower-case hex
 * @throws KmsError `start_refused` naming DINAMO_CERT_SHA256
 */
export const parseFingerprints = (text: string): readonly string[] =>
  text.split(',').map((part) => {
    const [, digits] = FINGERPRINT.exec(part.trim().toLowerCase()) ?? []
    if (digits === undefined) throw refused('DINAMO_CERT_SHA256', part.trim(), FINGERPRINTS_ALLOWED)
    return digits.replaceAll(':', '')
  })
