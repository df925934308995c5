import { BlockList, isIP } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether only this machine can reach what listens there. @param host an IP address or `localhost` */
export const isLoopback = (host: string): boolean => {
  const family = isIP(host)
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

export const isHost = (host: string): boolean => isIP(host) !== 0 || host === 'localhost'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** Reads `127.0.0.1:3001`, `localhost:3001` or `[::1]:3001`. @returns undefined for anything else */
export const parseHostAndPort = (text: string): HostAndPort | undefined => {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || !isHost(host) || port > 65_535) return undefined
  if ((bracketed !== undefined) !== (isIP(host) === 6)) return undefined
  return { host, port }
}

/** As it stands in a URL. */
export const urlHost = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host)
