/** Bare Fastify with the same routes and constant answers. */
import Fastify from 'fastify'

const app = Fastify()
const dataKey = { plaintextKey: 'p'.repeat(44), encryptedKey: 'e'.repeat(550) }
app.post('/key', async () => ({ pub: 'p', coin: 'tbtc', source: 'user', type: 'independent' }))
app.get('/key/*', async () => ({ prv: 'x'.repeat(111), pub: 'p', source: 'user', type: 'independent' }))
app.post('/generateDataKey', async () => dataKey)
app.post('/decryptDataKey', async () => ({ plaintextKey: dataKey.plaintextKey }))
console.log(`READY ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
