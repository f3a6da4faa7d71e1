/**
 * An application for a pair, to be read as a model: running statistics of every numeric field of
 * whatever records it is given, and an output for each value that lies far from the rest.
 *
 * The state is plain data, so that it can be loaded into the other member. `process` is
 * deterministic: what it does follows from the state and the frame alone, so both members reach
 * the same state and the same outputs. It therefore reads no clock, draws no random number, waits
 * for nothing, and treats a record it cannot read as one more case, not as an exception.
 */

import type { PlainApp } from 'hotpair'

/** Count, mean and spread of one field so far, by Welford's method: stable in one pass. */
export interface Running {
  count: number
  mean: number
  /** Sum of the squared distances from the mean. */
  squares: number
  least: number
  most: number
}

export interface Statistics {
  records: number
  /** Records that were no JSON object. */
  unreadable: number
  readonly fields: Map<string, Running>
}

/** A value is judged by those before it, and only when there were enough of them. */
const enough = 30
/** How many standard deviations from the mean make an outlier. */
const far = 2
/** A state must have a bound even if the input has none; later fields are not looked at. */
const maxFields = 1000

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** The deterministic half of the application; `deliver` is added where the outside is known. */
export const statistics: Pick<PlainApp<Statistics>, 'init' | 'process'> = {
  init: () => ({ records: 0, unreadable: 0, fields: new Map() }),

  process(state, frame, ctx) {
    const record = parse(frame.data)
    state.records++
    if (record === undefined) state.unreadable++
    for (const [field, value] of Object.entries(record ?? {})) {
      if (typeof value !== 'number') continue
      const running = runningOf(state, field)
      if (running === undefined) continue
      const { count, mean } = running
      const deviation = Math.sqrt(running.squares / count)
      if (count >= enough && Math.abs(value - mean) > far * deviation) {
        const outlier = { field, value, mean, deviation, count, record: state.records }
        ctx.send(encoder.encode(JSON.stringify(outlier)), { channel: 'outlier' })
      }
      add(running, value)
    }
  },
}

function parse(data: Uint8Array): object | undefined {
  try {
    const record: unknown = JSON.parse(decoder.decode(data))
    return typeof record === 'object' && record !== null ? record : undefined
  } catch {
    return undefined
  }
}

function runningOf({ fields }: Statistics, field: string): Running | undefined {
  const running = fields.get(field)
  if (running !== undefined || fields.size >= maxFields) return running
  const first = { count: 0, mean: 0, squares: 0, least: Infinity, most: -Infinity }
  fields.set(field, first)
  return first
}

function add(running: Running, value: number): void {
  const before = value - running.mean
  running.count++
  running.mean += before / running.count
  running.squares += before * (value - running.mean)
  running.least = Math.min(running.least, value)
  running.most = Math.max(running.most, value)
}
