/**
 * A primary's heartbeat in a process of its own, whose event loop is made to stand still: by a
 * block, by many short ones with rubbish for the garbage collector, or by one that was announced.
 *
 * Arguments: own port, the other's port, the epoch that it is armed for. It is told by messages
 * what to do and answers when its loop runs again. It is no test by itself.
 */

import { stat } from 'node:fs/promises'
import { openHeartbeat } from '#lib/native/heartbeat.js'
import { heartbeatOptions, rulingIn } from './beat-options.js'

/** Where in a turn of the event loop: libuv knows each by another step. */
export type Phase = 'timer' | 'poll' | 'immediate' | 'microtask'

/** What a hang-child is asked to do, with times in milliseconds. */
export type Order =
  | { readonly type: 'block'; readonly ms: number; readonly frameNo: number }
  | { readonly type: 'block-in'; readonly ms: number; readonly phase: Phase }
  | { readonly type: 'announced'; readonly ms: number; readonly atMost: number }
  | { readonly type: 'storm'; readonly ms: number; readonly blockMs: number }

/** What it says when it is done. */
export interface Done {
  readonly wasOpen: boolean
  readonly opensAgain: boolean
  readonly renounced: string
  /** The longest turn of a storm: a machine with other work makes some longer than asked for. */
  readonly longestMs: number
}

const [ownPort = '', otherPort = '', epoch = ''] = process.argv.slice(2)
const beats = openHeartbeat(
  heartbeatOptions('a', Number(ownPort), Number(otherPort)),
  () => undefined,
)
beats.announce(rulingIn(Number(epoch), 'primary'))
beats.openGate()
beats.arm(BigInt(epoch))

function standStill(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/**
 * Rubbish that lives long enough to be copied, and a stand-still, over and over. Returns the length
 * of the longest turn.
 */
async function storm(ms: number, blockMs: number): Promise<number> {
  const end = performance.now() + ms
  let kept: object[] = []
  let longestMs = 0
  while (performance.now() < end) {
    const begun = performance.now()
    const until = begun + blockMs
    while (performance.now() < until) {
      kept.push({ rubbish: kept.length.toString().repeat(8) })
      if (kept.length > 200_000) kept = []
    }
    await new Promise((resolve) => setImmediate(resolve))
    longestMs = Math.max(longestMs, performance.now() - begun)
  }
  return longestMs
}

const enter = {
  timer: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
  poll: () => stat('.'),
  immediate: () => new Promise<void>((resolve) => setImmediate(resolve)),
  microtask: () => Promise.resolve(),
}

process.on('message', async (order: Order) => {
  let longestMs = 0
  if (order.type === 'block') {
    beats.markFrame(order.frameNo)
    standStill(order.ms)
    beats.markFrame(0)
  } else if (order.type === 'block-in') {
    await enter[order.phase]()
    standStill(order.ms)
  } else if (order.type === 'announced') {
    beats.announceBlock(order.atMost)
    standStill(order.ms)
    beats.announceBlock(0)
  } else {
    longestMs = await storm(order.ms, order.blockMs)
  }
  const wasOpen = beats.isGateOpen()
  // A rule that does not know yet would try this.
  beats.openGate()
  const opensAgain = beats.isGateOpen()
  const renounced = beats.disarm().toString()
  process.send?.({ wasOpen, opensAgain, renounced, longestMs } satisfies Done)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
