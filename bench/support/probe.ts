/**
 * Preloaded into a service that is measured (`--import`): tells the event loop's delay and the memory over a Unix
 * socket, since the last question.
 */
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

const { COFRE_BENCH_PROBE: path } = process.env

// The launcher becomes the program, and loads this again.
if (isMainThread && path !== undefined && !process.argv[1]?.endsWith('bin/cofre.js')) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  createServer((_request, response) => {
    const p99 = delay.percentile(99) / 1e6
    delay.reset()
    response.end(JSON.stringify({ loopDelayP99Ms: p99, residentMiB: process.memoryUsage.rss() / 1024 ** 2 }))
  })
    .listen(path)
    .unref()
}
