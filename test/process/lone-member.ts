/**
 * A member process without a pair, for tests of the demo's outside world.
 *
 * Member a processes and delivers by itself and says that it is paired; member b says that it
 * stands by, accepts nothing and never answers. So the source, the sink and the judge are tried
 * with a member that works, with one that is stuck, and with a fault that nobody survives.
 */

import { checksum } from '#lib/receiver.js'
import { historyId } from '#lib/units.js'
import { openIntake } from '../../examples/demo/intake.js'
import type { MemberSettings, Order, Report } from '../../examples/demo/messages.js'
import { SinkLink } from '../../examples/demo/sink-link.js'
import { statistics } from '../../examples/statistics.js'

function report(message: Report): void {
  process.send?.(message)
}

function forbidden(): never {
  throw new Error('not in this test')
}

// Processes at once and delivers in order, under one history and one epoch.
function rule(sink: SinkLink): (data: Uint8Array, id: { seq: number }) => Promise<void> {
  const state = statistics.init()
  const signal = new AbortController().signal
  const history = historyId('0123456789abcdef'.repeat(2))
  let last = Promise.resolve()
  let number = 0
  return async (data, { seq }) => {
    if (seq !== state.records + 1) return
    const send = (bytes: Uint8Array) => {
      number++
      const reign = { pair: 'demo', history, epoch: 1, firstOfEpoch: 1, isRepeat: false }
      const identity = { channel: 'outlier', number, frameNo: seq, digest: checksum(bytes) }
      const output = { ...reign, ...identity, data: bytes }
      last = last.then(() => sink.deliver(output, signal))
    }
    const call = { frameNo: seq, now: 0 }
    const unused = {
      random: forbidden,
      uuid: forbidden,
      setTimer: forbidden,
      clearTimer: forbidden,
    }
    const frame = { ...call, source: 'test', seq, timer: undefined, data }
    statistics.process(state, frame, { ...call, ...unused, send })
    await last
  }
}

async function open({ member, intake, sink }: MemberSettings): Promise<void> {
  const rules = member === 'a'
  const stuck = () => new Promise<void>(() => {})
  const receive = rules ? rule(new SinkLink(sink)) : stuck
  await openIntake(intake, receive, (error) => {
    throw error
  })
  const at = Date.now()
  const role = rules ? 'primary' : 'standby'
  report({ type: 'role', at, role, epoch: rules ? 1 : 0, cause: 'test', verdict: undefined })
  if (rules) report({ type: 'mode', at, mode: 'paired', epoch: 1 })
}

process.on('message', (order: Order) => {
  if (order.type === 'open') void open(order.settings)
  else process.disconnect()
})
process.on('disconnect', () => process.exit())
report({ type: 'parked' })
