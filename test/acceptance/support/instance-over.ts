import type { TestContext } from 'node:test'
import type { Devices } from '../../adapters/hsm/dinamo/support.ts'
import { type Instance, newInstance, sqliteIn } from '../../durability/support/instance.ts'

/** `cofre serve` over all of the devices, with a store of its own; not started yet. */
export const instanceOver = async (
  t: TestContext,
  devices: Devices,
  settings: Readonly<Record<string, string>> = {},
): Promise<Instance> =>
  await newInstance(t, devices.at(0), await sqliteIn(t), {
    DINAMO_HOST: devices.targets.map(({ name }) => name).join(','),
    LOG_LEVEL: 'info',
    ...settings,
  })
