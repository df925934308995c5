/**
 * `npm run bench`: the service and the reference, side by side in one run, and the limits of their parts, in
 * rounds, so that a machine that is busy for a while is so for all of them.
 *
 * `--json` prints one object, `--rounds N` (3) and `--seconds N` (2, for each operation of each) measure for longer
 * or shorter, `--no-memory` leaves out the long run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measurePart } from './limits/limits.ts'
import { measureMemory } from './memory.ts'
import { PARTS_OF, printReport, type Round, SUBJECTS, type SubjectName, summarize } from './report.ts'
import { measureStart } from './start-time.ts'
import { OPERATIONS, type Operation, Subject } from './subject.ts'
import {
  makeTlsFiles,
  startBareHttp,
  startReference,
  startService,
  startSimulatorProcess,
} from './targets.ts'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    'no-memory': { type: 'boolean' },
  },
})
const seconds = Number(options.seconds)
const folder = await mkdtemp(join(tmpdir(), 'cofre-bench-'))
const say = (line: string): void => void (options.json || console.error(line))

try {
  const simulator = await startSimulatorProcess(folder)
  say('starts ...')
  const start = await measureStart(folder, simulator)
  const files = await makeTlsFiles(folder)
  const tls = files.client
  const environment = { ENVELOPE_FORMAT: 'a256gcm' }
  const subjects: Readonly<Record<SubjectName, Subject>> = {
    reference: new Subject(await startReference(folder, simulator), { seconds, forgetful: true }),
    ours: new Subject(await startService(folder, simulator), { seconds }),
    referenceTls: new Subject(await startReference(folder, simulator, files), {
      seconds,
      forgetful: true,
      tls,
    }),
    oursTls: new Subject(await startService(folder, simulator, { tls: files }), { seconds, tls }),
    a256gcm: new Subject(await startService(folder, simulator, { environment }), { seconds }),
    http: new Subject(await startBareHttp(), { seconds }),
  }

  const measure = async (operation: Operation): Promise<Round> => {
    const parts: Record<string, number> = {}
    for (const part of PARTS_OF[operation]) parts[part] = await measurePart(part, folder, simulator)
    const results = {} as Record<SubjectName, Round['results'][SubjectName]>
    for (const name of SUBJECTS) results[name] = await subjects[name].measure(operation)
    return { operation, parts, results }
  }
  const rounds: Round[] = []
  for (let round = 1; round <= Number(options.rounds); round++) {
    say(`round ${round} ...`)
    for (const operation of OPERATIONS) rounds.push(await measure(operation))
  }
  for (const subject of Object.values(subjects)) await subject.stop()

  const memory = options['no-memory'] ? undefined : await measureMemory(folder, simulator, say)
  const report = summarize({ rounds, start, memory })
  if (options.json) console.log(JSON.stringify(report))
  else printReport(report)
} finally {
  await rm(folder, { recursive: true, force: true })
}
// Whatever is still running is stopped with this process.
process.exit()
