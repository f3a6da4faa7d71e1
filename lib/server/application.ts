/**
 * The user's program and its state: one frame at a time, to completion, the same on both members.
 *
 * What `process` throws or wrongly returns is a fault of that frame: its outputs are dropped, what
 * it had changed stays, on both members alike (docs/PROTOCOL.md#14). The application never sees a
 * clock, a role or a peer here; what it sends is collected and handed back.
 */

import { type ErrorCode, PairError, reasonOf } from '../errors.js'
import type { App, Frame } from '../options.js'
import type { HistoryId } from '../units.js'
import { type ContextParts, FrameContext, type Produced } from './frame-context.js'

export interface Applied {
  readonly outputs: readonly Produced[]
  /** What went wrong; then there are no outputs. */
  readonly fault: PairError | undefined
}

const noOutputs: readonly Produced[] = []

export class Application<State> {
  readonly #app: App<State>
  readonly #parts: ContextParts
  #held: { readonly state: State } | undefined
  #history: HistoryId | undefined

  constructor(app: App<State>, parts: ContextParts) {
    this.#app = app
    this.#parts = parts
  }

  /** The state, once a history has begun here or was loaded. */
  get held(): { readonly state: State } | undefined {
    return this.#held
  }

  /** Begins `history` over `state`. */
  begin(history: HistoryId, state: State): void {
    this.#held = { state }
    this.#history = history
  }

  /** Goes on with the present state under another history. */
  rename(history: HistoryId): void {
    this.#history = history
  }

  /** Requires: a state. */
  apply(frame: Frame): Applied {
    const { history } = this
    const held = this.#held
    if (held === undefined)
      throw new PairError('ERR_HOTPAIR_INVARIANT', 'there is no state to process on')
    const context = new FrameContext(frame, history, this.#parts)
    try {
      const returned: unknown = this.#app.process(held.state, frame, context)
      context.end()
      if (isThenable(returned)) {
        // Whatever becomes of the promise is not ours; unhandled, it would end the process.
        returned.then(undefined, () => {})
        return fault(
          frame,
          'ERR_HOTPAIR_PROCESS_ASYNC',
          'returned a promise; it must be synchronous',
        )
      }
      return { outputs: context.outputs, fault: undefined }
    } catch (error) {
      context.end()
      return fault(frame, 'ERR_HOTPAIR_PROCESS_THREW', `threw: ${reasonOf(error)}`, error)
    }
  }

  get history(): HistoryId {
    if (this.#history === undefined)
      throw new PairError('ERR_HOTPAIR_INVARIANT', 'no history has begun')
    return this.#history
  }
}

function fault(frame: Frame, code: ErrorCode, what: string, cause?: unknown): Applied {
  const error = new PairError(code, `process() of frame ${frame.frameNo} ${what}`, { cause })
  return { outputs: noOutputs, fault: error }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
