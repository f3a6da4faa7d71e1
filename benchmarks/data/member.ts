/**
 * A member of the pair that `commit` and `throughput` measure: embedded, its sink in the process.
 *
 * In `throughput` each frame makes one output of the same bytes, and the sink takes it at once; so
 * what is measured is the pair and not a receiver. In `commit` a frame makes none. The options come
 * as JSON in the first argument.
 */

import { type MemberOptions, openMember } from 'hotpair'
import { serve } from '../support/serve.js'
import { block } from '../takeover/harm.js'
import { type Block, pingPong, pipeline } from './work.js'

interface Told extends Omit<MemberOptions<object>, 'app'> {
  readonly isSilent: boolean
}

const { isSilent, ...options }: Told = JSON.parse(process.argv[2] ?? '')
let delivered = 0
let onDelivered: () => void = () => {}

const member = await openMember<object>({
  ...options,
  app: {
    init: () => ({}),
    process(_state, frame, ctx) {
      if (!isSilent) ctx.send(frame.data)
    },
    deliver() {
      delivered++
      onDelivered()
    },
  },
})

// Resolves when `count` outputs in all have been delivered.
function untilDelivered(count: number): Promise<void> {
  return new Promise((resolve) => {
    onDelivered = () => {
      if (delivered < count) return
      // Once only: a promise that is resolved again with each output of the next block costs time.
      onDelivered = () => {}
      resolve()
    }
    onDelivered()
  })
}

const send = (data: Uint8Array) => member.receive(data)

serve({
  block,
  rules: () => member.until('primary'),
  paired: () => member.until('paired'),
  ping: ({ count, bytes }: Block) => pingPong(send, count, bytes),
  async stream(block: Block) {
    const before = delivered
    const began = performance.now()
    await pipeline(send, block.count, block)
    await untilDelivered(before + block.count)
    return (block.count / (performance.now() - began)) * 1000
  },
})
