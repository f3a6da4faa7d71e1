/**
 * What a server counts, for people. Types only.
 */

/** Numbers of one server, for people. */
export interface ServerCounts {
  /** Last frame processed. */
  readonly frameNo: number
  /** Last frame that both hold, or that a primary alone has accepted. */
  readonly committed: number
  /** Frames that the mirror has not acknowledged. */
  readonly unacknowledged: number
  /** Frames held here and not processed. */
  readonly lag: number
  /** Last frame after which the states of both were compared, by a load or by digests. */
  readonly comparedAt: number
  /** Inputs waiting to be numbered. */
  readonly waiting: number
  /** Bytes of inputs held because this member does not rule. */
  readonly heldBytes: number
  readonly outboxBytes: number
  /** Outputs in line for delivery or on their way. */
  readonly pending: number
}
