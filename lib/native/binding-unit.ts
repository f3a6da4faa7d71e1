/**
 * The unit's part of the contract with the addon; see binding.ts.
 */

/** What a unit has seen. */
export interface UnitReport {
  /** 0: no server is there; 1: it beats for one; 2: its server is dead, as its beats say. */
  readonly phase: 0 | 1 | 2
  /** What the last server says it is; 0 before the first. */
  readonly serverPid: number
  readonly incarnation: bigint
  /** Servers that were taken, and that died here; of these, that hung and were killed. */
  readonly taken: number
  readonly died: number
  readonly killed: number
  /** Servers that live, but whose connection broke: they beat by themselves. */
  readonly parted: number
  /** Connections that were refused. */
  readonly refused: number
  /** The signal by which the dead server has crashed, as its own handler has told; else 0. */
  readonly crashSignal: number
}

/** Who has started the unit as a service and waits to hear of it; see sd_notify(3). */
export interface ServiceManager {
  /** Path of its socket, or an abstract name after '@'; empty: there is nobody. */
  readonly notifySocket: string
  /** The longest silence that it bears, up to a year; 0: any. */
  readonly watchdogMicros: number
}

export interface UnitHandle {
  /** Throws `ERR_HOTPAIR_CLOSED` after `close()`. */
  report(): UnitReport
  /** Ends the beats of a server that is there, and removes the socket. Idempotent. */
  close(): void
}
