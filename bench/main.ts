/**
 * `npm run bench`: the service and the reference, side by side in one run, and the limits of their parts.
 * `--json` prints one object, `--quick` measures for a shorter time, `--no-memory` leaves out the long run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureLimits } from './limits/limits.ts'
import { printReport, type Report, summarize } from './report.ts'
import { measureMemory, measureOperations, measureStart } from './scenarios.ts'
import { startBareHttp, startReference, startService, startSimulatorProcess } from './targets.ts'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, 'no-memory': { type: 'boolean' } },
})
const seconds = options.quick ? 2 : 6
const folder = await mkdtemp(join(tmpdir(), 'cofre-bench-'))
const say = (line: string): void => void (options.json || console.error(line))

try {
  say('the limits of the parts ...')
  const simulator = await startSimulatorProcess(folder)
  const limits = await measureLimits(join(folder, 'limit.sqlite'), simulator.settings)
  const bare = await startBareHttp()
  const http = await measureOperations(bare, { seconds: Math.min(seconds, 3) })
  await bare.stop()

  say('the reference ...')
  const reference = await measureOperations(await startReference(folder, simulator), {
    seconds,
    forgetful: true,
  })
  say('the service ...')
  const service = await startService(folder, simulator)
  const start = await measureStart(folder, simulator)
  const ours = await measureOperations(service, { seconds })
  say('the service, with a new connection for each request ...')
  const reconnecting = await measureOperations(service, {
    seconds: Math.min(seconds, 3),
    newConnections: true,
  })
  await service.stop()
  say('the service, writing a256gcm ...')
  const gcm = await startService(folder, simulator, { ENVELOPE_FORMAT: 'a256gcm' })
  const a256gcm = await measureOperations(gcm, { seconds })
  await gcm.stop()
  const memory = options['no-memory'] ? undefined : await measureMemory(folder, simulator, say)
  const report: Report = summarize({ limits, http, reference, ours, reconnecting, a256gcm, start, memory })
  if (options.json) console.log(JSON.stringify(report))
  else printReport(report)
} finally {
  await rm(folder, { recursive: true, force: true })
}
// Whatever is still running is stopped with this process.
process.exit()
