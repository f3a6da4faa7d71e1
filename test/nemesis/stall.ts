/**
 * How long processes have waited for a processor: whether the machine itself was the fault.
 *
 * A member whose event loop gets no processor for `hangAfterMs` is hung, and says so; whoever
 * blames the network for that must know that the machine was not full.
 */

import { readFileSync } from 'node:fs'

/** Above this share of the time some process had to wait: nobody's silence proves anything. */
const full = 0.5

/** Microseconds for which some process has waited; undefined where the kernel does not count. */
function waited(): number | undefined {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

/** Call what is returned at the end of the interval: whether the machine was full meanwhile. */
export function watchMachine(): () => boolean {
  const before = waited()
  const beganAt = performance.now()
  return () => {
    const after = waited()
    if (before === undefined || after === undefined) return false
    return (after - before) / 1000 > full * (performance.now() - beganAt)
  }
}
