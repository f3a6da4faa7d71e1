/**
 * A pair whose state lies in shared memory, on loopback: run `node shared-state.js a` and
 * `node shared-state.js b`, then kill the one that prints. 64 MiB of readings are loaded by the
 * other while this one goes on writing them.
 */
import { setInterval } from 'node:timers/promises'
import { openMember, sharedState } from 'hotpair'

const name = process.argv[2]
if (name !== 'a' && name !== 'b') throw new Error('say which member this is: a or b')
const { SHARED_STATE_PORT = '7400' } = process.env
const port = Number(SHARED_STATE_PORT)
const points = 8 * 1_048_576

const member = await openMember({
  pair: 'shared-state',
  member: name,
  members: { a: `127.0.0.1:${port}`, b: `127.0.0.1:${port + 2}` },
  arbiter: 'none',
  app: {
    state: sharedState({ count: 'u32', sum: 'f64', readings: { f64: points }, unit: { bytes: 8 } }),
    init(state) {
      state.unit.set(Buffer.from('kelvin'))
    },
    process(state, frame, ctx) {
      const reading = Buffer.from(frame.data).readDoubleLE()
      const at = (state.count * 1_000_003) % points
      state.sum += reading - (state.readings[at] ?? 0)
      state.readings[at] = reading
      state.count += 1
      ctx.send(Buffer.from(`count ${state.count}, sum ${state.sum}`))
    },
    deliver: ({ number, data }) => console.log(`${name}: output ${number}, ${Buffer.from(data)}`),
  },
})
member.on('role', ({ role, cause }) => console.error(`${name} is ${role} (${cause})`))

for await (const _ of setInterval(20)) {
  if (member.role !== 'primary') continue
  const reading = Buffer.alloc(8)
  reading.writeDoubleLE(300)
  await member.receive(reading).catch((error) => console.error(error.message))
}
