/** `HOST PORT CERTIFICATE_SHA256 close|destroy`: opens a session, makes a data key, ends the session. */
import { openDinamoSession } from '../../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import { optionsFor } from '../../adapters/hsm/dinamo/session/support.ts'

const [host = '', port = '', certificateSha256 = '', ending] = process.argv.slice(2)
const session = await openDinamoSession({ host, port: Number(port) }, optionsFor(certificateSha256))
using _key = await session.makeDataKey('one')
if (ending === 'close') await session.close()
else session.destroy()
