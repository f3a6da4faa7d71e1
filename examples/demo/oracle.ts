/**
 * The oracle: the same application in one plain loop that nothing ever interrupts.
 *
 * What it sends is what the sink must have been handed, byte for byte and number for number.
 * It shares the application with the pair and nothing else: no library, no clock, no connection.
 */

import { statistics } from '../statistics.js'

/** The data of every output in order; the number of an output is its index plus 1. */
export function expectedOutputs(records: readonly string[]): string[] {
  return [...outputsOf(records)]
}

/** The same, one output after the other, for a stream that is too long to be kept. */
export function* outputsOf(records: Iterable<string>): Generator<string> {
  let outputs: string[] = []
  const state = statistics.init()
  const forbidden = () => {
    throw new Error('the example application uses neither chance nor timers')
  }
  const send = (data: Uint8Array) => void outputs.push(Buffer.from(data).toString('utf8'))
  let frameNo = 0
  for (const record of records) {
    frameNo++
    const call = { frameNo, now: 0 }
    const id = { source: 'oracle', seq: frameNo, timer: undefined }
    const frame = { ...call, ...id, data: Buffer.from(record) }
    const unused = {
      random: forbidden,
      uuid: forbidden,
      setTimer: forbidden,
      clearTimer: forbidden,
    }
    statistics.process(state, frame, { ...call, ...unused, send })
    yield* outputs
    outputs = []
  }
}
