/**
 * The poison: a record on which `process` never ends, on whichever member processes it.
 *
 * It stands for the one input in a million that an application has never met and loops on. Without
 * a policy it would follow the state from member to member; the demo's pair leaves out a frame
 * inside which its primary is known to have hung (`onSuspect: 'skip'`).
 */

import type { App } from 'hotpair'
import type { Statistics } from '../statistics.js'

export const poison = '{"poison":"whoever processes this record hangs"}'

const bytes = Buffer.from(poison)

type Process = App<Statistics>['process']

/** `process`, but for the poison. */
export function withPoison(process: Process): Process {
  return (state, frame, ctx) => {
    if (bytes.equals(frame.data)) hang()
    process(state, frame, ctx)
  }
}

// Never ends by itself. A loop that is stuck does not hear that main is gone, so it looks.
function hang(): void {
  const parent = process.ppid
  while (process.ppid === parent) Atomics.wait(cell, 0, 0, 100)
  process.exit(1)
}

const cell = new Int32Array(new SharedArrayBuffer(4))
