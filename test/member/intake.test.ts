/**
 * The stream of inputs without a pair: its window, its order, its end, by answers that the test
 * gives.
 */

import t from 'tap'
import { intakeOf } from '#lib/member/intake.js'
import type { Received } from '#lib/server/intake.js'

interface Asked {
  readonly data: Uint8Array
  readonly id: { readonly source: string; readonly seq: number } | undefined
  resolve(): void
  reject(error: Error): void
}

function setUp(highWaterMark: number) {
  const asked: Asked[] = []
  const receive = (data: Uint8Array, id?: { source: string; seq: number }): Promise<Received> =>
    new Promise((resolve, reject) => {
      asked.push({
        data,
        id,
        resolve: () => resolve({ frameNo: asked.length, epoch: 1, duplicate: false }),
        reject,
      })
    })
  return { asked, stream: intakeOf(receive, highWaterMark) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('no more than the window is unanswered, and an answer lets the next in', async (t) => {
  const { asked, stream } = setUp(3)
  for (let seq = 1; seq <= 10; seq += 1) {
    stream.write({ data: new Uint8Array([seq]), source: 's', seq })
  }
  await turn()
  t.equal(asked.length, 3)
  asked[1]?.resolve()
  await turn()
  t.equal(asked.length, 4, 'whichever is answered')
  for (let index = 0; index < 10; index += 1) {
    asked[index]?.resolve()
    await turn()
  }
  t.same(
    asked.map(({ id }) => id?.seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
})

t.test('write says stop when the stream holds as many as its window', async (t) => {
  const { stream } = setUp(3)
  let written = 0
  while (stream.write({ data: new Uint8Array() }) && written < 100) written += 1
  t.ok(written <= 6, `${written} were written before it said stop`)
})

t.test('the stream has finished when the last answer is there', async (t) => {
  const { asked, stream } = setUp(3)
  let isFinished = false
  stream.on('finish', () => {
    isFinished = true
  })
  stream.write({ data: new Uint8Array() })
  stream.end({ data: new Uint8Array() })
  await turn()
  asked[0]?.resolve()
  await turn()
  t.equal(isFinished, false)
  asked[1]?.resolve()
  await turn()
  t.equal(isFinished, true)
  t.same(
    asked.map(({ id }) => id),
    [undefined, undefined],
    'without a source there is no identity',
  )
})

t.test('a refusal ends the stream with its error, though the window is full', async (t) => {
  const { asked, stream } = setUp(2)
  const errors: Error[] = []
  stream.on('error', (error) => errors.push(error))
  for (let seq = 1; seq <= 4; seq += 1) stream.write({ data: new Uint8Array(), source: 's', seq })
  await turn()
  asked[0]?.reject(new Error('a gap'))
  asked[1]?.reject(new Error('another'))
  await turn()
  t.match(errors, [{ message: 'a gap' }])
  t.equal(asked.length, 2, 'nothing more is handed over')
  t.equal(stream.destroyed, true)
})
