import { COMMANDS } from './commands.ts'

/** What `cofre help` prints. */
export const helpText = (): string => {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  cofre ${name.padEnd(10)} ${summary}`)
  return `Cofre keeps private keys of digital assets under a root key in an HSM.

${lines.join('\n')}
  cofre help       this list

Every setting is an environment variable: docs/configuration.md lists them.
`
}
