/**
 * Inputs as a stream: a Writable of `{ data, source, seq }` over `receive`, with a bounded window.
 *
 * A write counts as done when it is handed over, as long as fewer than the window are unanswered;
 * then it waits for an answer. The first refusal ends the stream with its error.
 */

import { Writable } from 'node:stream'
import type { Received } from '../server/intake.js'
import type { InputId } from './contract.js'

/** Unanswered inputs that a stream has at most, unless told otherwise. */
const usualWindow = 256

/** An input as it is written to the stream. */
interface Written extends Partial<InputId> {
  readonly data: Uint8Array
}

export function intakeOf(
  receive: (data: Uint8Array, id?: InputId) => Promise<Received>,
  highWaterMark: number = usualWindow,
): Writable {
  let unanswered = 0
  let goOn: (() => void) | undefined
  let whenAnswered: (() => void) | undefined
  const answered = () => {
    unanswered -= 1
    // Going on may write the next input at once, which then waits in the same place.
    const next = goOn
    goOn = undefined
    next?.()
    if (unanswered === 0) whenAnswered?.()
  }
  return new Writable({
    objectMode: true,
    // What waits behind the window waits with its writer.
    highWaterMark: 1,
    write({ data, source, seq }: Written, _encoding, done) {
      const id = source === undefined || seq === undefined ? undefined : { source, seq }
      unanswered += 1
      receive(data, id).then(answered, (error) => this.destroy(error))
      if (unanswered < highWaterMark) done()
      else goOn = done
    },
    // The stream has finished when every input of it is accepted.
    final(done) {
      if (unanswered === 0) done()
      else whenAnswered = done
    },
  })
}
