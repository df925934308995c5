import { certificateSha256, makeCertificate, type ServerCertificate } from './certificate.ts'
import { ObjectStore } from './object-store.ts'
import { StateFile } from './state-file.ts'

/** What outlives a simulator: its identity and its permanent objects. */
export interface SimulatorState {
  readonly certificate: ServerCertificate
  readonly objects: ObjectStore
}

/**
 * State kept in one JSON file, made (with a new certificate) if it is not there. Its folder must exist.
 * An object that the store took is on disk.
 *
 * @throws Error if the file can't be read, written or understood
 */
export const openSimulatorState = async (path: string): Promise<SimulatorState> => {
  const file = new StateFile(path)
  const found = await file.read()
  const certificate = found?.certificate ?? (await makeCertificate())
  try {
    certificateSha256(certificate)
  } catch {
    throw new Error(`${path} holds a certificate that is damaged or not that of its key`)
  }
  if (found === undefined) await file.write({ certificate, objects: [] })
  const objects = new ObjectStore(found?.objects, (all) => file.write({ certificate, objects: all }))
  return { certificate, objects }
}

/** State that ends with the process; several simulators may be given the same one. */
export const memorySimulatorState = async (): Promise<SimulatorState> => ({
  certificate: await makeCertificate(),
  objects: new ObjectStore(),
})
