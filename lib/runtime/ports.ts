/**
 * The ports through which the runtime acts: everything outside the rules, as small interfaces.
 *
 * Each has a real implementation in its own room and a fake in `lib/testing`. Types only.
 */

import type { Happening } from '../core/event.js'
import type { ArbiterRecord, PairRecord, Presence, State } from '../core/state.js'
import type { PairEvent } from '../events.js'
import type { Epoch, Millis } from '../units.js'
import type { ClockPort } from './ports-clock.js'
import type { ServerPort } from './ports-server.js'

/** The system unit: beats, verdicts, the gate. It reports by events of the rules. */
export interface UnitPort {
  /** Say this in every beat from now on, and beat at once. */
  announce(presence: Presence): void
  openGate(): void
  closeGate(): void
  /**
   * From now on the beat thread may renounce `epoch` on its own, when the other one asks and this
   * event loop hangs or follows; 0 for none.
   */
  arm(epoch: Epoch): void
  /** Takes that right back. Returns the reign that was renounced meanwhile, 0 for none. */
  disarm(): Epoch
  /** Look at the other member more often: the rules wait for an answered beat. */
  watch(isAwaitingAnswer: boolean): void
}

/** Where this member keeps what it must know when it starts again. */
export interface StorePort {
  /**
   * Resolves when a restarted member would do nothing that `record` forbids; undefined: it would
   * not do so now.
   */
  save(record: PairRecord): Promise<void> | undefined
  /** The newest record and the highest reign that are known. Nobody waits for them. */
  note(record: PairRecord | undefined, highest: Epoch): void
}

/** An event of the user's, without its time. */
export type Told = PairEvent extends infer One
  ? One extends PairEvent
    ? Omit<One, 'at'>
    : never
  : never

/** What the rules have the arbiter asked. The answers come as events. */
export interface QuestionsPort {
  read(): void
  claim(expected: ArbiterRecord | undefined, next: ArbiterRecord, delay: Millis): void
  close(): void
}

export interface RuntimePorts {
  readonly clock: ClockPort
  /** 128 random bits. */
  readonly entropy: () => bigint
  readonly unit: UnitPort
  readonly store: StorePort
  readonly server: ServerPort
  /** Undefined: there is none, and the rules ask for none. */
  readonly arbiter: QuestionsPort | undefined
  /** Tells the user. */
  readonly tell: (event: Told) => void
  /** Every transition, for diagnostics. */
  readonly trace: (from: State, happening: Happening, to: State) => void
  /** The member has ended. */
  readonly stopped: () => void
  /** A rule was found broken, or an effect failed. */
  readonly failed: (error: unknown) => void
}
