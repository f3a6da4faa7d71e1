/**
 * `outbox`: what one output costs a standby, from being produced to being known as sent.
 *
 * Batches of outputs are produced, then reported as sent by the peer, which makes them vanish; the
 * time of both calls is divided by the outputs. In this process and on one thread: nothing else is
 * in it.
 */

import { openOutbox } from '#lib/native/outbox.js'
import { type Benchmark, countOf, type Findings, type Scale } from '../support/findings.js'
import { median, summarize } from '../support/statistics.js'
import { CheckedRing, crc32c, type Produced, type Sent, UncheckedRing } from './rings.js'

const sizes = [256, 1_024]
/** Outputs a batch: what a turn of the event loop brings a pair that is busy. */
const batchCount = 64
const batchesABlock = 200
const warmBlocks = 5
const usualBlocks = 200
const slots = 1_024

const subjects = ['hotpair', 'JavaScript, the same', 'JavaScript, unchecked'] as const
type Subject = (typeof subjects)[number]

interface Box {
  produce(records: readonly Produced[]): unknown
  peerSent(records: readonly Sent[]): unknown
}

// One batch of each block, used again with other numbers: making records is not the outbox's work.
class Batches {
  readonly produced: { channel: number; number: number; data: Uint8Array }[] = []
  readonly sent: { channel: number; number: number; bytes: number; digest: number }[] = []
  #last = 0

  constructor(bytes: number) {
    for (let index = 0; index < batchCount; index++) {
      const data = Buffer.alloc(bytes, `output ${index}`)
      this.produced.push({ channel: 0, number: 0, data })
      this.sent.push({ channel: 0, number: 0, bytes, digest: crc32c(data, 0, bytes) })
    }
  }

  next(): void {
    for (let index = 0; index < batchCount; index++) {
      this.#last += 1
      const produced = this.produced[index]
      const sent = this.sent[index]
      if (produced) produced.number = this.#last
      if (sent) sent.number = this.#last
    }
  }
}

/** Nanoseconds an output, over one block. */
function block(box: Box, batches: Batches): number {
  const began = performance.now()
  for (let count = 0; count < batchesABlock; count++) {
    batches.next()
    box.produce(batches.produced)
    box.peerSent(batches.sent)
  }
  return ((performance.now() - began) * 1e6) / (batchesABlock * batchCount)
}

function measure(bytes: number, blocks: number): Record<Subject, number[]> {
  const native = openOutbox(16 * 1024 * 1024)
  const boxes: Record<Subject, Box> = {
    hotpair: native,
    'JavaScript, the same': new CheckedRing(slots, bytes),
    'JavaScript, unchecked': new UncheckedRing(slots, bytes),
  }
  const batches = new Map(subjects.map((subject) => [subject, new Batches(bytes)]))
  const took: Record<Subject, number[]> = {
    hotpair: [],
    'JavaScript, the same': [],
    'JavaScript, unchecked': [],
  }
  for (let index = -warmBlocks; index < blocks; index++) {
    for (const subject of subjects) {
      const value = block(boxes[subject], batches.get(subject) ?? new Batches(bytes))
      if (index >= 0) took[subject].push(value)
    }
  }
  const divergence = native.divergence()
  native.close()
  if (divergence !== undefined) throw new Error('the outbox found a difference where there is none')
  return took
}

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const blocks = countOf(scale, usualBlocks, 5)
  const results = sizes.map((bytes) => {
    signal.throwIfAborted()
    return { bytes, took: measure(bytes, blocks) }
  })
  const ratio = (values: readonly number[], to: readonly number[]) =>
    median(values.map((value, index) => value / (to[index] ?? value)))
  return {
    rows: results.flatMap(({ bytes, took }) =>
      subjects.map((subject) => {
        return { subject, case: `${bytes} B`, unit: 'ns', ...summarize(took[subject]) } as const
      }),
    ),
    aims: results.flatMap(({ bytes, took }) => {
      const faster = ratio(took['JavaScript, the same'], took.hotpair)
      const slower = ratio(took.hotpair, took['JavaScript, unchecked'])
      const what = `${bytes} B:`
      return [
        { what: `${what} the same in JS / ours`, figure: faster, aim: '≥ 5', isMet: faster >= 5 },
        { what: `${what} ours / unchecked JS`, figure: slower, aim: '≤ 2', isMet: slower <= 2 },
      ]
    }),
    skipped: [],
    notes: [`A value is the mean over ${batchesABlock} batches of ${batchCount} outputs.`],
  }
}

export const outbox: Benchmark = {
  name: 'outbox',
  what: 'what one output costs a standby, from produced to known as sent',
  run,
}
