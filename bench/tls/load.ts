/** Asks over and over, each time on a new connection, as the wallet server does: port, folder, seconds, how many at once. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, createSecureContext } from 'node:tls'

const [, , port, folder = '', seconds, concurrency] = process.argv
const read = (name: string): Buffer => readFileSync(join(folder, name))
const secureContext = createSecureContext({
  ca: read('ca.pem'),
  cert: read('client.pem'),
  key: read('client.key'),
})
const REQUEST = 'GET /key/p?source=user HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
const end = performance.now() + Number(seconds) * 1_000
let answered = 0

const ask = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), servername: 'localhost', secureContext })
    let answer = ''
    socket.once('secureConnect', () => socket.write(REQUEST))
    socket.on('data', (chunk: Buffer) => {
      answer += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => {
      if (answer.startsWith('HTTP/1.1 200')) answered += 1
      else reject(new Error(answer || 'no answer'))
      resolve()
    })
  })

await Promise.all(
  Array.from({ length: Number(concurrency) }, async () => {
    while (performance.now() < end) await ask()
  }),
)
process.send?.({ answered })
process.disconnect?.()
