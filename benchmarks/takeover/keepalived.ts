/**
 * keepalived (VRRP version 3) as a peer: two of them in two network namespaces made for the run.
 *
 * It moves an address and replicates nothing, so what is measured ends where the other one says by
 * its FIFO that it has the address now: the first output of an application would come after that.
 */

import type { Row, Skipped } from '../support/findings.js'
import { isInstalled } from '../support/machine.js'

interface Found {
  readonly rows: readonly Row[]
  readonly skipped: readonly Skipped[]
}

export async function keepalived(_count: number, _signal: AbortSignal): Promise<Found> {
  const reason = isInstalled('keepalived') ? 'not yet measured' : 'it is not installed'
  return { rows: [], skipped: [{ subject: 'keepalived', reason }] }
}
