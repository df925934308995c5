/** Stands in for a worker: serves at once, answers, and does what its URL's test asks for by its own message. */
import type { FromWorker, ToWorker } from '../../../src/service/workers/messages.ts'

const tell = (message: FromWorker): void => void process.send?.(message)
const { BEHAVIOR = '', COFRE_WORKER = '' } = process.env

process.on('message', ({ kind, ...message }: ToWorker) => {
  if (kind === 'stop') {
    if (BEHAVIOR !== 'stubborn') process.exit(0)
  } else if (kind === 'ask' && 'id' in message) {
    if (BEHAVIOR !== 'silent') tell({ kind: 'answer', id: message.id, ready: true })
  } else if (kind === 'reload') {
    process.exit(9)
  } else if (kind === 'ping') {
    if (BEHAVIOR === 'stuck') while (true);
    tell({ kind: 'pong' })
  }
})
if (BEHAVIOR === 'refuses') process.exit(78)
tell({ kind: 'serving', url: `number ${COFRE_WORKER}` })
