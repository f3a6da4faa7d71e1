/**
 * The option `arbiter`: which third party keeps the record of the pair.
 *
 * It must be written out, `'none'` too. What is wrong is named by its key, as in all options.
 */

import { readFileSync } from 'node:fs'
import { ConfigError, reasonOf } from '../errors.js'
import { type Address, addressOf, isLoopback } from './addresses.js'
import { refuseUnknown, text, within, wrong } from './check.js'

/** A witness: `hotpair witness`, on a third host. */
export interface WitnessArbiter {
  /** `host:port`. */
  readonly address: string
  /** For a try to connect and for each answer, in milliseconds; default 1,000, 50 to 60,000. */
  readonly timeoutMs?: number
}

/** An etcd of version 3.4 or newer, whose JSON gateway is on, as it is by default. */
export interface EtcdArbiter {
  /** One to nine addresses such as `https://etcd-1:2379`; the next one is asked where one fails. */
  readonly endpoints: string | readonly string[]
  /** Where the pair's key begins; default `/hotpair/`, up to 200 characters. */
  readonly prefix?: string
  /** Both or none. */
  readonly user?: string
  readonly password?: string
  readonly tls?: EtcdTls
  /** For each try, in milliseconds; default 1,000, 50 to 60,000. */
  readonly timeoutMs?: number
}

/** Paths of files in PEM. */
export interface EtcdTls {
  /** Authorities that may have signed the server's certificate; default: those of Node. */
  readonly ca?: string
  /** The member's own certificate and its key; both or none. */
  readonly cert?: string
  readonly key?: string
}

/** The option `arbiter`. */
export type ArbiterOption =
  | 'none'
  | { readonly witness: WitnessArbiter }
  | { readonly etcd: EtcdArbiter }

/** A witness, with every default filled in. */
export interface WitnessChoice {
  readonly kind: 'witness'
  readonly address: Address
  readonly timeoutMs: number
}

/** An etcd, with every default filled in. */
export interface EtcdChoice {
  readonly kind: 'etcd'
  /** Each with its scheme, without a path. */
  readonly endpoints: readonly URL[]
  readonly prefix: string
  readonly user: string | undefined
  readonly password: string | undefined
  /** In PEM. */
  readonly tls: { readonly [Key in keyof EtcdTls]?: Buffer } | undefined
  readonly timeoutMs: number
}

export type ArbiterChoice = { readonly kind: 'none' } | WitnessChoice | EtcdChoice

const witnessKeys = ['address', 'timeoutMs'] as const
const etcdKeys = ['endpoints', 'prefix', 'user', 'password', 'tls', 'timeoutMs'] as const
const tlsKeys = ['ca', 'cert', 'key'] as const

/** Default, least and greatest of `timeoutMs`. */
export const arbiterTimeout = [1_000, 50, 60_000] as const

/** Where keys begin: it keeps them apart from those of other users of the same etcd. */
const usualPrefix = '/hotpair/'
const mostEndpoints = 9

/**
 * Checks the option and fills in the defaults. `hasSecret`: the pair has one.
 *
 * @throws ConfigError
 */
export function arbiterOf(option: unknown, hasSecret: boolean): ArbiterChoice {
  if (option === 'none') return { kind: 'none' }
  const must = "must be 'none', { witness: { … } } or { etcd: { … } }"
  if (typeof option !== 'object' || option === null) throw wrong('arbiter', must, option)
  refuseUnknown(option, new Set(['witness', 'etcd']), 'arbiter.')
  const { witness, etcd }: { readonly witness?: unknown; readonly etcd?: unknown } = option
  if ((witness === undefined) === (etcd === undefined)) throw wrong('arbiter', must, option)
  return witness === undefined ? etcdOf(etcd) : witnessOf(witness, hasSecret)
}

/** Which one it is, in one line: two members that ask different ones could both be granted. */
export function nameOfArbiter(choice: ArbiterChoice): string {
  switch (choice.kind) {
    case 'none':
      return 'none'
    case 'witness':
      return `witness ${choice.address.host}:${choice.address.port}`
    case 'etcd': {
      const places = choice.endpoints.map(({ origin }) => origin).sort()
      return `etcd ${places.join(' ')} ${choice.prefix}`
    }
  }
}

function witnessOf(given: unknown, hasSecret: boolean): WitnessChoice {
  const prefix = 'arbiter.witness.'
  const { address, timeoutMs } = partsOf<WitnessArbiter>('arbiter.witness', given, witnessKeys)
  const place = addressOf(`${prefix}address`, address)
  if (!hasSecret && !isLoopback(place.host)) {
    throw new ConfigError(
      'secret',
      `secret is missing, and the witness ${place.host} is not loopback: give the members and the witness the same secret`,
    )
  }
  return { kind: 'witness', address: place, timeoutMs: timeoutOf(`${prefix}timeoutMs`, timeoutMs) }
}

function etcdOf(given: unknown): EtcdChoice {
  const key = 'arbiter.etcd'
  const parts = partsOf<EtcdArbiter>(key, given, etcdKeys)
  const { user, password, tls } = parts
  if ((user === undefined) !== (password === undefined)) {
    const missing = user === undefined ? 'user' : 'password'
    throw new ConfigError(`${key}.${missing}`, `${key}.${missing} is missing: give both or none`)
  }
  return {
    kind: 'etcd',
    endpoints: endpointsOf(`${key}.endpoints`, parts.endpoints, tls !== undefined),
    prefix: parts.prefix === undefined ? usualPrefix : text(`${key}.prefix`, parts.prefix, 1, 200),
    user: user === undefined ? undefined : text(`${key}.user`, user, 1, 200),
    // The value stays out of the message: it may end up in a log.
    password: password === undefined ? undefined : hidden(`${key}.password`, password),
    tls: tls === undefined ? undefined : tlsOf(`${key}.tls`, tls),
    timeoutMs: timeoutOf(`${key}.timeoutMs`, parts.timeoutMs),
  }
}

function endpointsOf(key: string, given: unknown, hasTls: boolean): readonly URL[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length < 1 || list.length > mostEndpoints)
    throw wrong(key, `must have 1 to ${mostEndpoints} addresses`, list.length)
  return list.map((each) => {
    const form = "must be like 'https://etcd-1:2379': a scheme, a host, a port and nothing else"
    const url = typeof each === 'string' && URL.canParse(each) ? new URL(each) : undefined
    const isPlain = url?.protocol === 'http:'
    const isBare = url?.pathname === '/' && url.search === '' && url.username === ''
    if (url === undefined || !(isPlain || url.protocol === 'https:') || !isBare)
      throw wrong(key, form, each)
    if (isPlain && hasTls) throw wrong(key, 'must begin with https:// where tls is given', each)
    return url
  })
}

function tlsOf(key: string, given: unknown): EtcdChoice['tls'] {
  const { ca, cert, key: own } = partsOf<EtcdTls>(key, given, tlsKeys)
  if ((cert === undefined) !== (own === undefined)) {
    const missing = cert === undefined ? 'cert' : 'key'
    throw new ConfigError(`${key}.${missing}`, `${key}.${missing} is missing: give both or none`)
  }
  return {
    ...(ca !== undefined && { ca: fileOf(`${key}.ca`, ca) }),
    ...(cert !== undefined && { cert: fileOf(`${key}.cert`, cert) }),
    ...(own !== undefined && { key: fileOf(`${key}.key`, own) }),
  }
}

function fileOf(key: string, given: unknown): Buffer {
  const path = text(key, given, 1, 4_096)
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError(key, `${key}: the file ${path} cannot be read: ${reasonOf(error)}`)
  }
}

function hidden(key: string, given: unknown): string {
  if (typeof given === 'string' && given.length > 0) return given
  throw new ConfigError(key, `${key} must be a string that is not empty`)
}

function timeoutOf(key: string, given: unknown): number {
  const [usual, least, most] = arbiterTimeout
  return within(key, given ?? usual, least, most, false)
}

function partsOf<Parts>(
  key: string,
  given: unknown,
  keys: readonly string[],
): { readonly [Key in keyof Parts]?: unknown } {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw wrong(key, 'must be an object', given)
  refuseUnknown(given, new Set(keys), `${key}.`)
  return given
}
