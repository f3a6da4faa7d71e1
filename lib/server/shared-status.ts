/**
 * What a server says about its shared state, for people. Types and one function.
 */

import type { RegionPort, RegionProgress } from '../runtime/ports-region.js'

/** The region of a shared state, at one moment. */
export interface SharedStatus {
  /** Of the state; its staging is as large, and where pages are compared a shadow too. */
  readonly bytes: number
  /** How pages that were written are found: by the system, or by comparison with a shadow. */
  readonly way: 'write-protection' | 'shadow'
  /** Why it is not write protection. */
  readonly refusal: string | undefined
  /** The load under way, out of this member or into it. */
  readonly load: ({ readonly direction: 'out' | 'in' } & RegionProgress) | undefined
}

export function sharedStatus(
  region: RegionPort,
  out: RegionProgress | undefined,
  into: RegionProgress | undefined,
): SharedStatus {
  const { way, refusal } = region
  const coming = into && ({ direction: 'in', ...into } as const)
  const load = out ? ({ direction: 'out', ...out } as const) : coming
  return { bytes: region.buffer.byteLength, way, refusal, load }
}
