import { writeSync } from 'node:fs'
import { run } from './cli/run.ts'
import { stopSignal } from './cli/stop-signals.ts'
import { errorFields } from './domain/error-fields.ts'

const STANDARD_ERROR = 2

const complain = (line: string): void => {
  writeSync(STANDARD_ERROR, `${line}\n`)
}

/** Nothing is known about the state after an error that nobody caught, so nothing goes on. */
const die = (event: string) => (error: unknown) => {
  try {
    complain(
      JSON.stringify({ level: 60, time: Date.now(), pid: process.pid, err: errorFields(error), msg: event }),
    )
  } finally {
    process.exit(1)
  }
}

// Whatever it writes is its user's alone.
process.umask(0o077)

process.on('uncaughtException', die('uncaught exception'))
process.on('unhandledRejection', die('unhandled rejection'))

const code = await run({
  argv: process.argv.slice(2),
  environment: process.env,
  print: (text) => void process.stdout.write(text),
  complain,
  onReload: (reload) => void process.on('SIGHUP', reload),
  stopped: stopSignal(),
})
process.exit(code)
