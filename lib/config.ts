/**
 * From the options of a user to the settings of a member: every default, bound, contradiction.
 *
 * Everything is checked before anything is opened. What is wrong is named by key, value and bound
 * in one sentence (`ERR_HOTPAIR_CONFIG`); an unknown key is refused, because a misspelt bound that
 * is silently ignored is found out on the day it matters.
 */

import { type Addresses, addressesOf } from './config/addresses.js'
import { type ArbiterChoice, arbiterOf, nameOfArbiter } from './config/arbiter.js'
import { oneOf, refuseUnknown, text, within, wrong } from './config/check.js'
import { folderOf } from './config/folder.js'
import { type Policies, policiesOf, policyNames } from './config/policies.js'
import { secretsOf } from './config/secret.js'
import { type UnitChoice, unitNames, unitOf } from './config/unit.js'
import type { App, Limits, MemberOptions } from './options.js'
import { SharedState } from './state/shared-state.js'
import type { MemberId } from './units.js'

/** Options with every default filled in. */
export interface Config<State> extends Policies, UnitChoice {
  readonly pair: string
  readonly member: MemberId
  readonly addresses: Addresses
  /** None, one, or two: the first is used, either is accepted. */
  readonly secrets: readonly string[]
  readonly arbiter: ArbiterChoice
  /** An absolute path; undefined: the record is kept in memory. */
  readonly folder: string | undefined
  readonly appVersion: string
  readonly app: App<State>
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly startWindowMs: number
  readonly ackTimeoutMs: number
  readonly deliverTimeoutMs: number
  readonly askReceiverTimeoutMs: number
  readonly hangAfterMs: number
  readonly inFlight: number
  readonly trap: 'off' | 'report' | 'throw'
  readonly digestEvery: number
  readonly limits: Limits
  readonly signal: AbortSignal | undefined
  /** What must match on both members, key by key; compared at the handshake. */
  readonly settings: Readonly<Record<string, string>>
}

type NumberKey =
  | 'heartbeatMs'
  | 'windowMs'
  | 'startWindowMs'
  | 'ackTimeoutMs'
  | 'deliverTimeoutMs'
  | 'askReceiverTimeoutMs'
  | 'hangAfterMs'
  | 'inFlight'
  | 'digestEvery'

const MiB = 1_048_576

/** Default, least and greatest of each bound. */
export const limitsTable: Readonly<Record<keyof Limits, readonly [number, number, number]>> = {
  inputBytes: [MiB, 1, 64 * MiB],
  queueBytes: [64 * MiB, 4_096, 4_096 * MiB],
  unacknowledgedBytes: [64 * MiB, 65_536, 4_096 * MiB],
  outboxBytes: [64 * MiB, 2 * MiB, 4_096 * MiB],
  lagFrames: [100_000, 1_024, 10_000_000],
  stateBytes: [1_024 * MiB, 4_096, 4_096 * MiB],
  sources: [10_000, 1, 1_000_000],
  channels: [256, 1, 65_535],
  timers: [10_000, 1, 1_000_000],
}

/** Default, least and greatest of each number; `undefined` as default: it follows from another. */
export const numbersTable: Readonly<
  Record<NumberKey, readonly [number | undefined, number, number]>
> = {
  heartbeatMs: [100, 1, 10_000],
  windowMs: [undefined, 3, 120_000],
  startWindowMs: [undefined, 3, 600_000],
  ackTimeoutMs: [undefined, 10, 600_000],
  deliverTimeoutMs: [10_000, 10, 3_600_000],
  askReceiverTimeoutMs: [500, 1, 3_600_000],
  hangAfterMs: [undefined, 10, 600_000],
  inFlight: [64, 1, 4_096],
  digestEvery: [1_000, 0, 1_000_000_000],
}

/** Counts; the others are milliseconds. */
const wholeNumbers: ReadonlySet<NumberKey> = new Set(['inFlight', 'digestEvery'])

const known: ReadonlySet<string> = new Set([
  'pair',
  'member',
  'members',
  'secret',
  'arbiter',
  'appVersion',
  'app',
  ...policyNames,
  ...unitNames,
  'folder',
  'limits',
  'trap',
  'signal',
  ...Object.keys(numbersTable),
])

/** Checks `options` and fills in the defaults. Throws ConfigError. */
export function configOf<State>(options: MemberOptions<State>): Config<State> {
  if (typeof options !== 'object' || options === null)
    throw wrong('options', 'must be an object', options)
  refuseUnknown(options, known, '')
  const pair = text('pair', options.pair, 1, 64)
  const member = oneOf('member', options.member, ['a', 'b'])
  const addresses = addressesOf(options.members, member)
  const secrets = secretsOf(options.secret, [...addresses.self, ...addresses.peer])
  const arbiter = arbiterOf(options.arbiter, secrets.length > 0)
  const heartbeatMs = number(options, 'heartbeatMs', 0)
  const windowMs = number(options, 'windowMs', 5 * heartbeatMs)
  if (windowMs < 3 * heartbeatMs) {
    throw wrong('windowMs', `must be at least 3 × heartbeatMs = ${3 * heartbeatMs}`, windowMs)
  }
  const startWindowMs = number(options, 'startWindowMs', 2 * windowMs)
  if (startWindowMs < windowMs) {
    throw wrong('startWindowMs', `must be at least windowMs = ${windowMs}`, startWindowMs)
  }
  const hangAfterMs = number(options, 'hangAfterMs', Math.max(500, windowMs))
  if (hangAfterMs < windowMs) {
    throw wrong('hangAfterMs', `must be at least windowMs = ${windowMs}`, hangAfterMs)
  }
  const limits = limitsOf(options.limits)
  const config = {
    pair,
    member,
    addresses,
    secrets,
    arbiter,
    appVersion:
      options.appVersion === undefined ? '' : text('appVersion', options.appVersion, 0, 200),
    app: appOf(options.app, limits.stateBytes),
    heartbeatMs,
    windowMs,
    startWindowMs,
    ackTimeoutMs: number(options, 'ackTimeoutMs', Math.max(500, windowMs)),
    deliverTimeoutMs: number(options, 'deliverTimeoutMs', 0),
    askReceiverTimeoutMs: number(options, 'askReceiverTimeoutMs', 0),
    ...policiesOf(options),
    ...unitOf(options),
    folder: folderOf(options.folder),
    hangAfterMs,
    inFlight: number(options, 'inFlight', 0),
    digestEvery: number(options, 'digestEvery', 0),
    trap:
      options.trap === undefined ? 'off' : oneOf('trap', options.trap, ['off', 'report', 'throw']),
    limits,
    signal: signalOf(options.signal),
  } as const
  return { ...config, settings: settingsOf(config) }
}

/** Versions and bounds by which two members would process or judge differently. */
function settingsOf<State>(config: Omit<Config<State>, 'settings'>): Record<string, string> {
  const { limits } = config
  return {
    appVersion: config.appVersion,
    arbiter: nameOfArbiter(config.arbiter),
    node: process.versions.node,
    v8: process.versions.v8,
    icu: process.versions['icu'] ?? 'none',
    tz: process.versions['tz'] ?? 'none',
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    heartbeatMs: String(config.heartbeatMs),
    windowMs: String(config.windowMs),
    hangAfterMs: String(config.hangAfterMs),
    onSuspect: config.onSuspect,
    inFlight: String(config.inFlight),
    trap: config.trap,
    links: String(config.addresses.self.length),
    inputBytes: String(limits.inputBytes),
    outboxBytes: String(limits.outboxBytes),
    sources: String(limits.sources),
    channels: String(limits.channels),
    timers: String(limits.timers),
    state: stateOf(config.app),
  }
}

/** How the state is laid out: members that lay it out otherwise must not load from each other. */
function stateOf<State>({ state }: App<State>): string {
  return state === undefined ? 'plain' : `shared ${state.bytes} ${state.digest}`
}

function limitsOf(given: Partial<Limits> | undefined): Limits {
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
    throw wrong('limits', 'must be an object', given)
  }
  refuseUnknown(given ?? {}, new Set(Object.keys(limitsTable)), 'limits.')
  const limit = (key: keyof Limits) => {
    const [usual, least, most] = limitsTable[key]
    return within(`limits.${key}`, given?.[key] ?? usual, least, most, true)
  }
  return {
    inputBytes: limit('inputBytes'),
    queueBytes: limit('queueBytes'),
    unacknowledgedBytes: limit('unacknowledgedBytes'),
    outboxBytes: limit('outboxBytes'),
    lagFrames: limit('lagFrames'),
    stateBytes: limit('stateBytes'),
    sources: limit('sources'),
    channels: limit('channels'),
    timers: limit('timers'),
  }
}

function appOf<State>(app: App<State>, stateBytes: number): App<State> {
  if (typeof app !== 'object' || app === null) throw wrong('app', 'must be an object', app)
  const { state } = app
  if (state !== undefined && !(state instanceof SharedState)) {
    throw wrong('app.state', 'must be what sharedState() has returned, if there is one', state)
  }
  for (const key of ['init', 'process', 'deliver', 'prepare', 'wasReceived'] as const) {
    if (typeof app[key] === 'function') continue
    const isFree = key === 'prepare' || key === 'wasReceived' || (key === 'init' && state)
    if (app[key] === undefined && isFree) continue
    throw wrong(`app.${key}`, 'must be a function', app[key])
  }
  if (state === undefined || state.bytes <= stateBytes) return app
  const must = `must be at least the ${state.bytes} bytes of app.state`
  throw wrong('limits.stateBytes', must, stateBytes)
}

function signalOf(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw wrong('signal', 'must be an AbortSignal', signal)
}

function number(
  options: { readonly [Key in NumberKey]?: number },
  key: NumberKey,
  derived: number,
): number {
  const [usual, least, most] = numbersTable[key]
  return within(key, options[key] ?? usual ?? derived, least, most, wholeNumbers.has(key))
}
