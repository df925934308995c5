/** The simulator in a process of its own. Prints one line of JSON when it listens. */
import { startSimulator } from '../../src/simulator/simulator.ts'
import { openSimulatorState } from '../../src/simulator/state.ts'

const [, , statePath = '', username = '', password = ''] = process.argv
const simulator = await startSimulator({
  ...(await openSimulatorState(statePath)),
  users: [{ username, password }],
})
const { port, certificateSha256 } = simulator
console.log(`READY ${JSON.stringify({ port, certificateSha256 })}`)
