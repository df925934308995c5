import { median } from './support/median.ts'
import { type SimulatorProcess, startService } from './targets.ts'

const STARTS = 5

/** Milliseconds from the start of `node` to the line that says it is ready: the median, on a store that exists. */
export const measureStart = async (folder: string, simulator: SimulatorProcess): Promise<number> => {
  const options = { environment: { DATABASE_URL: `sqlite:${folder}/start.sqlite` } }
  await (await startService(folder, simulator, options)).stop()
  const times: number[] = []
  while (times.length < STARTS) {
    const target = await startService(folder, simulator, options)
    times.push(target.startMs)
    await target.stop()
  }
  return median(times)
}
