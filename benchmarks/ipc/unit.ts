/**
 * A unit in a process of its own, for `ipc`: it listens at the path of its first argument.
 */

import { openUnit } from '#lib/native/unit.js'
import { serve } from '../support/serve.js'

const [path = ''] = process.argv.slice(2)
let onFree: () => void = () => {}
const unit = openUnit(path, { notifySocket: '', watchdogMicros: 0 }, ({ phase }) => {
  if (phase === 0) onFree()
})

serve({
  /** Resolves when no server is there. */
  free: () =>
    new Promise<void>((resolve) => {
      onFree = resolve
      if (unit.report().phase === 0) resolve()
    }),
})
