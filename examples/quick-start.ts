/**
 * A complete pair in one file, on loopback: run `node quick-start.js a` and `node quick-start.js b`
 * in two terminals, then kill the one that prints. The other goes on from the very next number.
 * Its only input is a tick of the primary; a real service takes messages, see examples/README.md.
 */
import { setInterval } from 'node:timers/promises'
import { openMember } from 'hotpair'

const name = process.argv[2]
if (name !== 'a' && name !== 'b') throw new Error('say which member this is: a or b')
const { QUICK_START_PORT = '7400' } = process.env
const port = Number(QUICK_START_PORT)

const member = await openMember({
  pair: 'quick-start',
  member: name,
  members: { a: `127.0.0.1:${port}`, b: `127.0.0.1:${port + 2}` },
  arbiter: 'none',
  app: {
    init: () => ({ count: 0 }),
    process(state, _frame, ctx) {
      state.count++
      ctx.send(Buffer.from(`count ${state.count}`))
    },
    deliver: ({ number, data }) => console.log(`${name}: output ${number}, ${Buffer.from(data)}`),
  },
})
member.on('role', ({ role, cause }) => console.error(`${name} is ${role} (${cause})`))

for await (const _ of setInterval(100)) {
  if (member.role !== 'primary') continue
  await member.receive(Buffer.from('tick')).catch((error) => console.error(error.message))
}
