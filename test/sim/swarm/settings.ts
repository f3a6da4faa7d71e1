/**
 * What a simulated pair and its outside are like: times, sizes and shares, as one flat record.
 *
 * A scenario names what differs from `calm`. Times are in virtual milliseconds, sizes in bytes,
 * shares between 0 and 1.
 */

export interface Settings {
  /** Of every stream of randomness of the run. */
  readonly seed: number
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly hangAfterMs: number
  readonly ackTimeoutMs: number
  readonly deliverTimeoutMs: number
  readonly onLoss: 'wait' | 'go'
  /** One way, between half and one and a half of it. */
  readonly linkDelayMs: number
  readonly beatDelayMs: number
  readonly beatLoss: number
  readonly beatDuplicates: number
  readonly mostBeatsLostInRow: number
  /** What the clocks of the two hosts count in a millisecond, and by what their wall clocks err. */
  readonly rateA: number
  readonly rateB: number
  readonly wallA: number
  readonly wallB: number
  /** Whether an arbiter gives the right to rule, and one way to it. */
  readonly hasArbiter: boolean
  readonly arbiterMs: number
  /** Whether members keep their records in folders, and what one step of a disk takes. */
  readonly hasFolder: boolean
  readonly diskMs: number
  /** Whose unit is a process of its own. */
  readonly unitA: boolean
  readonly unitB: boolean
  /** Until a unit or its server knows of a change in the other, its death too. */
  readonly ipcMs: number
  /** How long a server stands still when it joins a new unit; how long that takes to listen. */
  readonly joinMs: number
  readonly unitStartMs: number
  /** How long the ports of a killed unit stay taken. */
  readonly portsMs: number
  /** Whether a unit kills its server when that hangs and the other member rules. */
  readonly killsHung: boolean
  /** What a piece on the data connection takes to leave; pieces above which a writer waits. */
  readonly pieceMs: number
  readonly highWaterPieces: number
  /** Chunks of a load; what the state weighs beside its log. */
  readonly chunks: number
  readonly ballastBytes: number
  readonly queueBytes: number
  readonly unacknowledgedBytes: number
  readonly lagFrames: number
  readonly outboxBytes: number
  readonly inFlight: number
  readonly channels: number
  readonly deliverMs: number
  /** Shares of deliveries: confirmation lost, taken in the call itself, thrown in the call. */
  readonly lost: number
  readonly synchronous: number
  readonly throwing: number
  /** Shares of chunks damaged and of whole images that cannot be read, until the faults end. */
  readonly corruptChunks: number
  readonly failedRestores: number
  readonly sources: number
  /** Chance that a source gives a member something in a millisecond, and how much at most. */
  readonly pace: number
  readonly rate: number
  /** Share of inputs that send something on a channel; that throw; that diverge on purpose. */
  readonly sends: number
  readonly throws: number
  readonly diverges: number
  /** Share of inputs that put something into the state, or take out, that cannot be cloned. */
  readonly poisons: number
  /** Share of inputs that set a timer for up to a second. */
  readonly timers: number
  /** Inputs of up to 3,000 bytes and outputs of 100,000 among the small ones. */
  readonly isLarge: boolean
  /** The state lies in a region, and is loaded page by page. */
  readonly isShared: boolean
}

/** Without faults or surprises: a scenario brings its own. */
export const calm: Settings = {
  seed: 1,
  heartbeatMs: 20,
  windowMs: 100,
  hangAfterMs: 500,
  ackTimeoutMs: 100,
  deliverTimeoutMs: 10_000,
  onLoss: 'wait',
  linkDelayMs: 0.2,
  beatDelayMs: 0.2,
  beatLoss: 0,
  beatDuplicates: 0,
  mostBeatsLostInRow: 0,
  rateA: 1,
  rateB: 1,
  wallA: 0,
  wallB: 0,
  hasArbiter: false,
  arbiterMs: 0.3,
  hasFolder: false,
  diskMs: 0.1,
  unitA: false,
  unitB: false,
  ipcMs: 0.1,
  joinMs: 1,
  unitStartMs: 50,
  portsMs: 0.1,
  killsHung: false,
  pieceMs: 0.01,
  highWaterPieces: 16,
  chunks: 5,
  ballastBytes: 1_000,
  queueBytes: 8_388_608,
  unacknowledgedBytes: 8_388_608,
  lagFrames: 100_000,
  outboxBytes: 2_097_152,
  inFlight: 16,
  channels: 2,
  deliverMs: 0.2,
  lost: 0,
  synchronous: 0,
  throwing: 0,
  corruptChunks: 0,
  failedRestores: 0,
  sources: 1,
  pace: 1,
  rate: 3,
  sends: 0.5,
  throws: 0,
  diverges: 0,
  poisons: 0,
  timers: 0,
  isLarge: false,
  isShared: false,
}

/** What of `settings` differs from the calm ones: what a scenario has to say. */
export function differing(settings: Settings): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(settings).filter(([key, value]) => calm[key as keyof Settings] !== value),
  )
}
