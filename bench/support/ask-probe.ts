import { request } from 'node:http'

export interface ProbeAnswer {
  /** Since the last question. */
  readonly loopDelayP99Ms: number
  readonly residentMiB: number
}

/** What the probe in a service tells. @param path of its Unix socket */
export const askProbe = (path: string): Promise<ProbeAnswer> =>
  new Promise((resolve, reject) => {
    request({ socketPath: path }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve(JSON.parse(text)))
    })
      .on('error', reject)
      .end()
  })
