/**
 * The hello: how two members find out, before anything else, whether they belong together.
 *
 * Each side says who it is and what must match; each judges what the other said. Both come to the
 * same finding, and every sentence is worded so that it is true on both sides: it names members,
 * never "we" and "they". Whoever refuses tells the other why, except one of another pair: that one
 * learns nothing. Pure: no I/O, no time; secrets are the matter of TLS, below.
 *
 *     hello    u8 1 │ 8 bytes magic │ u16 protocol │ u16 oldest │ string pair │ u8 member
 *              │ u64 incarnation │ u16 count │ count × (string key, string value)
 *              │ more, in a later version only
 *     refusal  u8 2 │ string code │ string message
 *     accept   u8 3                  the connection is the data link
 *     side     u8 4 │ u48 ask        it is the side connection of that load
 *     ready    u8 5                  the sender of the load reads no more packets here
 *
 * The layout of a hello is for ever: a later protocol may append to it and must change nothing
 * else, so that two versions can always tell each other that they do not fit.
 */

import { type ErrorCode, errorCodes } from '../errors.js'
import { type Incarnation, incarnationOf, type MemberId } from '../units.js'
import { BodyReader } from './body.js'
import {
  greetingBytes,
  pairNameBytes,
  refusalMessageBytes,
  settingCount,
  settingKeyBytes,
  settingValueBytes,
} from './limits.js'
import { PacketWriter } from './packet.js'

/** The protocol version that this library speaks, and the oldest that it still understands. */
export const protocolVersion = 1
export const oldestProtocolVersion = 1

/** Types of the packets of this file. */
export const helloType = 1
export const refusalType = 2
export const acceptType = 3
export const sideType = 4
export const readyType = 5

/** What a member says about itself. */
export interface Hello {
  readonly protocol: number
  readonly oldestProtocol: number
  readonly pair: string
  readonly member: MemberId
  readonly incarnation: Incarnation
  readonly settings: Readonly<Record<string, string>>
}

/** Why two members do not fit. */
export interface Misfit {
  readonly code: ErrorCode
  readonly message: string
}

const magic = Buffer.from('hotpair\0')
const members: readonly MemberId[] = ['a', 'b']

/** One whole packet. Throws a RangeError where `hello` is over the bounds of `limits.ts`. */
export function encodeHello(hello: Hello): Uint8Array {
  const settings = Object.entries(hello.settings)
  if (settings.length > settingCount) {
    throw new RangeError(`a hello has at most ${settingCount} settings, not ${settings.length}`)
  }
  const writer = new PacketWriter(greetingBytes).begin(helloType).raw(magic)
  writer.u16(hello.protocol).u16(hello.oldestProtocol)
  writer.string(within(hello.pair, pairNameBytes))
  writer.u8(members.indexOf(hello.member)).u64(hello.incarnation).u16(settings.length)
  for (const [key, value] of settings) {
    writer.string(within(key, settingKeyBytes)).string(within(value, settingValueBytes))
  }
  return writer.end().take()
}

function within(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text
  throw new RangeError(`${JSON.stringify(text)} is longer than ${limit} bytes in UTF-8`)
}

/** The hello in `body`, or undefined when it is none. */
export function decodeHello(body: Uint8Array): Hello | undefined {
  const reader = new BodyReader().of(body)
  if (reader.u8() !== helloType || !magic.equals(reader.raw(magic.length))) return undefined
  const protocol = reader.u16()
  const oldestProtocol = reader.u16()
  const pair = reader.string(pairNameBytes)
  const member = members[reader.u8()]
  const incarnation = reader.u64()
  const settings = decodeSettings(reader)
  const isWhole = protocol > protocolVersion ? reader.isSound : reader.isComplete
  if (!isWhole || settings === undefined || member === undefined || incarnation === 0n) {
    return undefined
  }
  if (oldestProtocol > protocol) return undefined
  return {
    protocol,
    oldestProtocol,
    pair,
    member,
    incarnation: incarnationOf(incarnation),
    settings,
  }
}

function decodeSettings(reader: BodyReader): Readonly<Record<string, string>> | undefined {
  const count = reader.u16()
  if (count > settingCount) return undefined
  const settings = new Map<string, string>()
  for (let i = 0; i < count; i++) {
    settings.set(reader.string(settingKeyBytes), reader.string(settingValueBytes))
  }
  return settings.size === count ? Object.fromEntries(settings) : undefined
}

/** The newest version that both speak, or undefined. */
export function commonProtocol(one: Hello, other: Hello): number | undefined {
  const newest = Math.min(one.protocol, other.protocol)
  return newest >= Math.max(one.oldestProtocol, other.oldestProtocol) ? newest : undefined
}

/**
 * Why `one` and `other` do not fit, or undefined when they do. The same on both sides but for the
 * order of members.
 */
export function misfitOf(one: Hello, other: Hello): Misfit | undefined {
  if (one.pair !== other.pair) {
    return {
      code: 'ERR_HOTPAIR_PEER_PAIR',
      message: `a member of pair ${quote(one.pair)} met one of pair ${quote(other.pair)}`,
    }
  }
  if (commonProtocol(one, other) === undefined) {
    return {
      code: 'ERR_HOTPAIR_PEER_VERSION',
      message: `no protocol version is common: ${versionsOf(one)}, ${versionsOf(other)}`,
    }
  }
  if (one.member === other.member) {
    return {
      code: 'ERR_HOTPAIR_PEER_MEMBER',
      message: `two members of pair ${quote(one.pair)} are both named ${quote(one.member)}`,
    }
  }
  const differences = differencesOf(one, other)
  if (differences.length === 0) return undefined
  return { code: 'ERR_HOTPAIR_PEER_SETTINGS', message: differences.join('; ') }
}

function versionsOf({ member, oldestProtocol, protocol }: Hello): string {
  return `member ${quote(member)} speaks ${oldestProtocol} to ${protocol}`
}

// One sentence for each key that differs, in the order of the keys, member a first.
function differencesOf(one: Hello, other: Hello): string[] {
  const [a, b] = one.member === 'a' ? [one, other] : [other, one]
  const keys = new Set([...Object.keys(a.settings), ...Object.keys(b.settings)])
  return [...keys]
    .sort()
    .filter((key) => settingOf(a, key) !== settingOf(b, key))
    .map((key) => `${key} is ${settingOf(a, key)} on a and ${settingOf(b, key)} on b`)
}

function settingOf({ settings }: Hello, key: string): string {
  return Object.hasOwn(settings, key) ? quote(settings[key]) : 'not set'
}

// As JSON, so that nothing that came from outside can pass for anything but a value.
function quote(text: string | undefined): string {
  return JSON.stringify(text)
}

/** One whole packet; a long message is cut. */
export function encodeRefusal({ code, message }: Misfit): Uint8Array {
  const bytes = Buffer.from(message).subarray(0, refusalMessageBytes)
  const whole = bytes.toString().replace(/\uFFFD+$/, '')
  return new PacketWriter(greetingBytes).begin(refusalType).string(code).string(whole).end().take()
}

/** The refusal in `body`, or undefined when it is none. */
export function decodeRefusal(body: Uint8Array): Misfit | undefined {
  const reader = new BodyReader().of(body)
  if (reader.u8() !== refusalType) return undefined
  const code = reader.string(settingKeyBytes)
  const message = reader.string(refusalMessageBytes)
  return reader.isComplete && isMisfitCode(code) ? { code, message } : undefined
}

function isMisfitCode(code: string): code is ErrorCode {
  return code.startsWith('ERR_HOTPAIR_PEER_') && Object.hasOwn(errorCodes, code)
}

/** One whole packet, by which the side that dialled says that the other's hello fits. */
export function encodeAccept(): Uint8Array {
  return new PacketWriter(greetingBytes).begin(acceptType).end().take()
}

/** Whether `body` is one. */
export function isAccept(body: Uint8Array): boolean {
  return body.length === 1 && body[0] === acceptType
}

/** One whole packet in place of an acceptance: the connection is for the load `ask`. */
export function encodeSide(ask: number): Uint8Array {
  return new PacketWriter(greetingBytes).begin(sideType).u48(ask).end().take()
}

/** The load that `body` names, or undefined when it names none. */
export function decodeSide(body: Uint8Array): number | undefined {
  const reader = new BodyReader().of(body)
  const isSide = reader.u8() === sideType
  const ask = reader.u48()
  return isSide && reader.isComplete ? ask : undefined
}

/** One whole packet, the last on a side connection: behind it come the bytes of the load. */
export function encodeReady(): Uint8Array {
  return new PacketWriter(greetingBytes).begin(readyType).end().take()
}

/** Whether `body` is one. */
export function isReady(body: Uint8Array): boolean {
  return body.length === 1 && body[0] === readyType
}
