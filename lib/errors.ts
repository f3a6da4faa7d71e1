/**
 * The errors of hotpair: few classes by what the caller can do, stable codes by what happened.
 *
 * Codes are the API; messages are sentences with values and units and may change. Each code stands
 * once, here, with what it means and what to do; `docs/API.md` has the same table and a test
 * compares them. An expected outcome (a duplicate input, a refused peer) is a value or an event,
 * never an error.
 */

/** Every code with its meaning. */
export const errorCodes = {
  ERR_HOTPAIR_CONFIG: 'an option is wrong, missing or contradicts another; nothing was opened',
  ERR_HOTPAIR_NATIVE:
    'the addon is missing, of another version, or an operating system call in it failed',
  ERR_HOTPAIR_ADDRESS: 'an address cannot be resolved or used on this host',
  ERR_HOTPAIR_ADDRESS_IN_USE: 'another process holds a port or the socket of this member',
  ERR_HOTPAIR_NO_MEMORY: 'a buffer of the announced size cannot be allocated',
  ERR_HOTPAIR_SHARED_MEMORY:
    'shared memory of the announced size cannot be made, or what another process handed over is none of ours; nothing was mapped',
  ERR_HOTPAIR_FOLDER:
    'the folder of the record cannot be used, or what lies in it is damaged, newer or of another member; while the member is open: the record cannot be kept, and the pair goes on',
  ERR_HOTPAIR_UNIT:
    'the unit of this member, a process of its own, is not there or cannot be joined',
  ERR_HOTPAIR_CLOSED: 'the member is closed or closing; the input was not taken here',
  ERR_HOTPAIR_NOT_PRIMARY:
    'only the primary takes an input without (source, seq); the input was not taken',
  ERR_HOTPAIR_INPUT_GAP:
    'the source skipped a number; the input was not taken, send the expected one first',
  ERR_HOTPAIR_INPUT_TOO_LARGE: 'the input is larger than `limits.inputBytes`; it was not taken',
  ERR_HOTPAIR_INPUT:
    'the input is no Uint8Array, or its source or seq is out of bounds; it was not taken',
  ERR_HOTPAIR_QUEUE_FULL:
    'the bound on waiting inputs is reached; the input was not taken, send it again later',
  ERR_HOTPAIR_DEMOTED:
    'the member lost its role before the input was held by both; it may still have been taken: send it again with the same (source, seq)',
  ERR_HOTPAIR_ABORTED: 'the wait was ended by its signal',
  ERR_HOTPAIR_PROCESS_THREW:
    '`process` threw; the outputs of the frame are dropped, changes made before stay, alike on both members',
  ERR_HOTPAIR_PROCESS_ASYNC:
    '`process` returned a promise; it must be synchronous; the outputs of the frame are dropped',
  ERR_HOTPAIR_SUSPECT:
    'the former primary hung inside a frame; as `onSuspect` has it, this member stopped before it',
  ERR_HOTPAIR_NONDETERMINISM:
    '`process` called what differs between the members: a clock, chance, a timer or I/O; docs/DETERMINISM.md says what to use instead',
  ERR_HOTPAIR_SEND_OUTSIDE:
    '`send` was called outside of its `process` call; the output was not taken',
  ERR_HOTPAIR_OUTPUT:
    'the output is no Uint8Array, too large, or its channel name is out of bounds',
  ERR_HOTPAIR_TIMER:
    'a timer was set with a name, delay or data out of bounds, outside of its `process` call, or above `limits.timers`; nothing was changed',
  ERR_HOTPAIR_OUTBOX_FULL: 'the outbox has reached `limits.outboxBytes`',
  ERR_HOTPAIR_STATE: 'the state cannot be cloned or restored; the former state is kept',
  ERR_HOTPAIR_LOAD:
    'a load broke off or was corrupt; the former state is kept and the load is asked for again',
  ERR_HOTPAIR_DIVERGED:
    'the members produced different bytes under one output number, or different states; the standby loads again',
  ERR_HOTPAIR_RESYNC:
    'a standby has lost step for at least the third time in a row; it waits before it loads again',
  ERR_HOTPAIR_DELIVER: '`deliver` failed; it is tried again',
  ERR_HOTPAIR_FORCE:
    'only a member that waits can be forced, and not beside one that lives and rules, or may; nothing was begun',
  ERR_HOTPAIR_SWITCHOVER_STATE:
    'a switchover needs a primary whose standby is in sync and linked; nothing was begun',
  ERR_HOTPAIR_SWITCHOVER_TIMEOUT:
    'the switchover was not drained by its deadline and was rolled back; this member rules on',
  ERR_HOTPAIR_SWITCHOVER_FAILED:
    'the standby was lost or gave the hand-over up; this member rules on, or again',
  ERR_HOTPAIR_SWITCHOVER_UNKNOWN:
    'the rule was handed over, and this member cannot tell whether the other one took it',
  ERR_HOTPAIR_ENVELOPE:
    'the envelope of an output is malformed or was damaged on its way; do not confirm it',
  ERR_HOTPAIR_PEER_SECRET: 'the other side could not prove the secret of the pair',
  ERR_HOTPAIR_STRANGERS:
    'what proves nothing of the pair came to the ports of this member and was turned away; told at most once a minute',
  ERR_HOTPAIR_PEER_PAIR: 'the other side belongs to another pair',
  ERR_HOTPAIR_PEER_MEMBER: 'the other side has the same member name as this one',
  ERR_HOTPAIR_PEER_VERSION: 'the other side speaks a protocol version that this one does not',
  ERR_HOTPAIR_PEER_SETTINGS: 'the members are configured differently where they must agree',
  ERR_HOTPAIR_PEER_PROTOCOL: 'the other side sent what the protocol does not allow',
  ERR_HOTPAIR_ARBITER_UNREACHABLE: 'the arbiter did not answer; what was asked of it was not done',
  ERR_HOTPAIR_ARBITER_UNKNOWN:
    'the answer of the arbiter to a change of the record was lost; it may have been made, or may still be',
  ERR_HOTPAIR_ARBITER_REFUSED:
    'the arbiter does not serve this member: wrong secret, pair, user or version',
  ERR_HOTPAIR_ARBITER_RECORD:
    'what the arbiter keeps for the pair cannot be read, or belongs to another one; nothing was changed',
  ERR_HOTPAIR_INVARIANT: 'a rule of the pair was found broken; this member has stopped speaking',
} as const

/** A stable code. */
export type ErrorCode = keyof typeof errorCodes

/** An error of hotpair. `code` is stable; `cause` is what lay beneath, where something did. */
export class PairError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** The options are wrong: mend them. `key` names the option. */
export class ConfigError extends PairError {
  readonly key: string

  constructor(key: string, message: string) {
    super('ERR_HOTPAIR_CONFIG', message)
    this.key = key
  }
}

/** An input was refused or is uncertain: look at `code`, send again where it says so. */
export class InputError extends PairError {
  /** The number that the source must send next, where the code is `ERR_HOTPAIR_INPUT_GAP`. */
  readonly expectedSeq: number | undefined

  constructor(code: ErrorCode, message: string, expectedSeq?: number) {
    super(code, message)
    this.expectedSeq = expectedSeq
  }
}

/** The addon or the operating system refused. */
export class NativeError extends PairError {}

/** The other member, or a stranger in its place, was refused. */
export class PeerError extends PairError {}

/** The member is closed. */
export class ClosedError extends PairError {
  constructor(message = 'the member is closed') {
    super('ERR_HOTPAIR_CLOSED', message)
  }
}

/** Whether `value` is an error of hotpair, of this copy of the package or another. */
export function isPairError(value: unknown): value is PairError {
  return (
    value instanceof Error &&
    'code' in value &&
    typeof value.code === 'string' &&
    Object.hasOwn(errorCodes, value.code)
  )
}

/** What was thrown, in words: whatever it is. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** `thrown` as an error of hotpair; of `code`, and with it as its cause, where it is none. */
export function asPairError(thrown: unknown, code: ErrorCode): PairError {
  if (thrown instanceof PairError) return thrown
  return new PairError(code, reasonOf(thrown), { cause: thrown })
}
