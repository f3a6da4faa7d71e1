/**
 * What a member and a witness say to each other.
 *
 * A member asks, and the witness answers each question by its number; news of a change comes
 * unasked, under number 0. Records travel as their canonical bytes (`record.ts`), none as no bytes.
 *
 *     ask      u8 1 │ 8 bytes magic │ u16 protocol │ string pair │ u8 member
 *     welcome  u8 2
 *     refuse   u8 3 │ string code │ string message          the connection ends
 *     read     u8 4 │ u32 number
 *     swap     u8 5 │ u32 number │ bytes expected │ bytes next
 *     record   u8 6 │ u32 number │ bytes                    also: a swap that was not done
 *     swapped  u8 7 │ u32 number
 *     failed   u8 8 │ u32 number │ string code │ string message
 *
 * Reading is total. Pure: no I/O, no time.
 */

import { type ErrorCode, errorCodes } from '../errors.js'
import type { MemberId } from '../units.js'
import { BodyReader } from './body.js'
import { pairNameBytes } from './limits.js'
import { PacketWriter } from './packet.js'
import { mostRecordBytes } from './record.js'

/** The version of this exchange; both sides must speak the same. */
export const witnessProtocol = 1

/**
 * Longest packet in either direction: two records and a header, or a name, or a sentence. A
 * stranger can make the other side hold no more than this.
 */
export const witnessPacketBytes = 1_024

const sentenceBytes = 512
const codeBytes = 64
const magic = Buffer.from('hotpairw')
const members: readonly MemberId[] = ['a', 'b']
const types = { ask: 1, welcome: 2, refuse: 3, read: 4, swap: 5, record: 6, swapped: 7, failed: 8 }

/** Why something was refused or failed. */
export interface Reason {
  readonly code: ErrorCode
  readonly message: string
}

/** What a member says to a witness. Bytes are views of the packet: copy what is kept. */
export type WitnessQuestion =
  | {
      readonly type: 'ask'
      readonly protocol: number
      readonly pair: string
      readonly member: MemberId
    }
  | { readonly type: 'read'; readonly number: number }
  | {
      readonly type: 'swap'
      readonly number: number
      readonly expected: Uint8Array
      readonly next: Uint8Array
    }

/** What a witness says to a member. */
export type WitnessAnswer =
  | { readonly type: 'welcome' }
  | ({ readonly type: 'refuse' } & Reason)
  | { readonly type: 'record'; readonly number: number; readonly record: Uint8Array }
  | { readonly type: 'swapped'; readonly number: number }
  | ({ readonly type: 'failed'; readonly number: number } & Reason)

/** One whole packet. */
export function encodeWitness(message: WitnessQuestion | WitnessAnswer): Uint8Array {
  const to = new PacketWriter(witnessPacketBytes).begin(types[message.type])
  switch (message.type) {
    case 'ask':
      to.raw(magic).u16(message.protocol).string(message.pair).u8(members.indexOf(message.member))
      break
    case 'welcome':
      break
    case 'refuse':
      to.string(message.code).string(shortened(message.message))
      break
    case 'read':
    case 'swapped':
      to.u32(message.number)
      break
    case 'swap':
      to.u32(message.number).bytes(message.expected).bytes(message.next)
      break
    case 'record':
      to.u32(message.number).bytes(message.record)
      break
    case 'failed':
      to.u32(message.number).string(message.code).string(shortened(message.message))
      break
  }
  return to.end().take()
}

/** What a member has said, or undefined when it is nothing that a member says. */
export function decodeQuestion(body: Uint8Array): WitnessQuestion | undefined {
  const reader = new BodyReader().of(body)
  const type = reader.u8()
  let message: WitnessQuestion | undefined
  if (type === types.ask) message = readAsk(reader)
  else if (type === types.read) message = { type: 'read', number: reader.u32() }
  else if (type === types.swap) {
    const number = reader.u32()
    const expected = reader.bytes(mostRecordBytes)
    message = { type: 'swap', number, expected, next: reader.bytes(mostRecordBytes) }
  }
  return reader.isComplete ? message : undefined
}

/** What a witness has said, or undefined when it is nothing that a witness says. */
export function decodeAnswer(body: Uint8Array): WitnessAnswer | undefined {
  const reader = new BodyReader().of(body)
  const type = reader.u8()
  let message: WitnessAnswer | undefined
  if (type === types.welcome) message = { type: 'welcome' }
  else if (type === types.swapped) message = { type: 'swapped', number: reader.u32() }
  else if (type === types.record) {
    message = { type: 'record', number: reader.u32(), record: reader.bytes(mostRecordBytes) }
  } else if (type === types.refuse) {
    const reason = readReason(reader)
    message = reason && { type: 'refuse', ...reason }
  } else if (type === types.failed) {
    const number = reader.u32()
    const reason = readReason(reader)
    message = reason && { type: 'failed', number, ...reason }
  }
  return reader.isComplete ? message : undefined
}

function readAsk(reader: BodyReader): WitnessQuestion | undefined {
  if (!magic.equals(reader.raw(magic.length))) return undefined
  const protocol = reader.u16()
  const pair = reader.string(pairNameBytes)
  const member = members[reader.u8()]
  return member && { type: 'ask', protocol, pair, member }
}

function readReason(reader: BodyReader): Reason | undefined {
  const code = reader.string(codeBytes)
  const message = reader.string(sentenceBytes)
  return isCode(code) ? { code, message } : undefined
}

function isCode(code: string): code is ErrorCode {
  return /^ERR_HOTPAIR_(ARBITER|PEER)_/.test(code) && Object.hasOwn(errorCodes, code)
}

function shortened(message: string): string {
  const bytes = Buffer.from(message).subarray(0, sentenceBytes - 2)
  return bytes.toString().replace(/\uFFFD+$/, '')
}
