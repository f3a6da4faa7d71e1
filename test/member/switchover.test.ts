/**
 * `member.switchover()` on real members over loopback: there and back under load, what becomes of
 * inputs that were held, how it is refused, rolled back and taken back.
 */

import type { Output } from 'hotpair'
import t from 'tap'
import { codeOf, collect, echo, eventually, nextEvent, openPair, soon, textOf } from './support.js'

const text = (seq: number) => Buffer.from(`input ${seq}`)

t.test('the rule goes there and back twenty times under load, and nothing is lost', async (t) => {
  const { first, second, outputs } = await openPair(t, echo)
  const takeovers = [collect(first, 'takeover'), collect(second, 'takeover')].flat()
  let seq = 0
  const accepted: Promise<unknown>[] = []
  const feed = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      seq += 1
      for (const member of [first, second]) {
        accepted.push(member.receive(text(seq), { source: 's', seq }))
      }
    }
  }
  for (let round = 1; round <= 20; round += 1) {
    const [from, to] = round % 2 === 1 ? [first, second] : [second, first]
    const before = from.epoch
    feed(20)
    const handedOver = soon(from.switchover(), `switchover ${round}`)
    feed(20)
    const { epoch, tookMs } = await handedOver
    t.equal(to.role, 'primary', `round ${round}: the other one rules`)
    t.equal(from.role, 'standby', `round ${round}: the former stands by`)
    t.ok(epoch > before && epoch === to.epoch, `round ${round}: in the reign that was promised`)
    t.ok(tookMs >= 0)
    feed(5)
  }
  await soon(Promise.all(accepted), 'every input is accepted by both')
  await eventually(() => outputs.length >= seq, 'every output is delivered')
  const expected = Array.from({ length: seq }, (_, index) => `input ${index + 1}`)
  t.same(outputs.map(textOf), expected, 'once each, in order')
  t.same(takeovers, [], 'without a takeover')
  t.equal(outputs.filter(({ isRepeat }) => isRepeat).length, 0)
})

t.test('an input without a source that was held is refused: certainly not taken', async (t) => {
  const { first, second, outputs } = await openPair(t, slowly)
  await soon(first.receive(text(1)), 'an input is accepted, its output under way')
  const handedOver = first.switchover()
  const held = first.receive(text(2))
  const named = first.receive(text(3), { source: 's', seq: 1 })
  t.equal(await codeOf(held), 'ERR_HOTPAIR_NOT_PRIMARY')
  await soon(Promise.all([handedOver, named]), 'the named one is taken')
  await eventually(() => outputs.length === 2, 'and delivered')
  t.same(outputs.map(textOf), ['input 1', 'input 3'])
  t.equal(second.role, 'primary')
})

t.test('who asks while one is under way is answered with it', async (t) => {
  const { first } = await openPair(t, echo)
  const ended = collect(first, 'switchover')
  const [one, other] = await soon(
    Promise.all([first.switchover(), first.switchover()]),
    'both resolve',
  )
  t.same(one, other)
  t.match(ended, [{ outcome: 'done', epoch: one.epoch }])
})

t.test('refused where there is nobody to give the rule to, or no rule to give', async (t) => {
  const { first, second } = await openPair(t, echo)
  t.equal(await codeOf(second.switchover()), 'ERR_HOTPAIR_SWITCHOVER_STATE')
  t.equal(await codeOf(first.switchover({ deadlineMs: 0 })), 'ERR_HOTPAIR_CONFIG')
  await second.close()
  t.equal(await codeOf(second.switchover()), 'ERR_HOTPAIR_CLOSED')
  await eventually(() => first.mode === 'solo', 'the other one is alone')
  t.equal(await codeOf(first.switchover()), 'ERR_HOTPAIR_SWITCHOVER_STATE')
})

t.test('rolled back at the deadline, or by its signal: the primary goes on', async (t) => {
  const { first, second, outputs } = await openPair(t, stuck)
  const { epoch } = first
  await soon(first.receive(text(1)), 'an input is accepted')
  const late = first.switchover({ deadlineMs: 50 })
  t.equal(await codeOf(late), 'ERR_HOTPAIR_SWITCHOVER_TIMEOUT')
  const reason = new Error('changed my mind')
  const aborter = new AbortController()
  const ended = nextEvent(first, 'switchover')
  const cancelled = first.switchover({ signal: aborter.signal })
  aborter.abort(reason)
  t.equal(await cancelled.catch((error) => error), reason)
  t.equal((await ended).outcome, 'cancelled')
  t.equal(await first.switchover({ signal: aborter.signal }).catch((error) => error), reason)
  t.match([first.role, first.mode, first.epoch], ['primary', 'paired', epoch])
  await soon(first.receive(text(2)), 'it takes the next input')
  t.equal(second.role, 'standby')
  t.same(outputs.map(textOf), ['input 1', 'input 2'], 'both were begun')
})

t.test('a member that closes meanwhile says so', async (t) => {
  const { first } = await openPair(t, stuck)
  await soon(first.receive(text(1)), 'an input is accepted')
  const handedOver = codeOf(first.switchover())
  void first.close()
  t.equal(await handedOver, 'ERR_HOTPAIR_CLOSED')
})

/** Its receiver takes a moment. */
function slowly(outputs: Output[]) {
  return {
    ...echo(outputs),
    deliver: (output: Output) =>
      new Promise<void>((resolve) => {
        setTimeout(() => {
          outputs.push(output)
          resolve()
        }, 50)
      }),
  }
}

/** Its receiver never confirms. */
function stuck(outputs: Output[]) {
  return {
    ...echo(outputs),
    deliver: (output: Output, { signal }: { readonly signal: AbortSignal }) => {
      outputs.push(output)
      return new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    },
  }
}
