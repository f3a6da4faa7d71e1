/**
 * The system unit as a process of its own, typed: this process becomes the one that beats for a
 * server, and outlives it.
 */

import type { ServiceManager, UnitHandle, UnitReport } from './binding-unit.js'
import { native } from './failure.js'
import { loadBinding } from './load.js'

export type { ServiceManager, UnitHandle, UnitReport } from './binding-unit.js'

/**
 * Listens at `path` for the server of one member at a time, and tells `manager` how it fares, from
 * a thread of its own. `onRing` is called some time after the report has changed. It does not keep
 * the process alive, and should be closed.
 *
 * @throws NativeError `ERR_HOTPAIR_ADDRESS_IN_USE` when another unit listens there,
 * `ERR_HOTPAIR_ADDRESS` when the path, its folder or the manager's socket will not do,
 * `ERR_HOTPAIR_NATIVE` when the addon or the operating system refuses.
 */
export function openUnit(
  path: string,
  manager: ServiceManager,
  onRing: (report: UnitReport) => void,
): UnitHandle {
  const binding = loadBinding()
  const handle: UnitHandle = native(
    () => binding.openUnit(path, manager, () => onRing(handle.report())),
    () => `no unit can listen at ${path}`,
  )
  return handle
}
