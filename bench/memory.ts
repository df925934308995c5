import { GENERATING, storing } from './subject.ts'
import { load } from './support/load.ts'
import { residentMiB } from './support/processes.ts'
import { ask, type Request } from './support/request.ts'
import { type SimulatorProcess, startService } from './targets.ts'

export interface MemoryResult {
  readonly atStartMiB: number
  readonly after10kMiB: number
  readonly after100kMiB: number
}

const STEP = 10_000

/** Resident memory of one service over 100,000 operations of all kinds; a256gcm, so that it takes minutes, not hours. */
export const measureMemory = async (
  folder: string,
  simulator: SimulatorProcess,
  say: (line: string) => void,
): Promise<MemoryResult> => {
  const target = await startService(folder, simulator, { environment: { ENVELOPE_FORMAT: 'a256gcm' } })
  const atStartMiB = residentMiB(target.pid)
  await ask(target.url, storing('memory'))
  const { encryptedKey } = JSON.parse((await ask(target.url, GENERATING)).text)
  let sent = 0
  const kinds: readonly (() => Request)[] = [
    () => storing(`memory-${sent}`),
    () => ({ method: 'GET', path: '/key/memory?source=user' }),
    () => GENERATING,
    () => ({ method: 'POST', path: '/decryptDataKey', body: { encryptedKey } }),
  ]
  const next = (): Request => (kinds[sent++ % kinds.length] as () => Request)()
  const loadUntil = async (operations: number): Promise<number> => {
    while (sent < operations) {
      await load({ url: target.url, next, extent: { amount: Math.min(STEP, operations - sent) } })
      say(`memory: ${sent} operations, ${residentMiB(target.pid).toFixed(0)} MiB`)
    }
    return residentMiB(target.pid)
  }
  const after10kMiB = await loadUntil(10_000)
  const after100kMiB = await loadUntil(100_000)
  await target.stop()
  return { atStartMiB, after10kMiB, after100kMiB }
}
