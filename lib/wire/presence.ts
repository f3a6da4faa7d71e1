/**
 * The presence blob of a beat: 128 bytes that the native side carries without looking inside.
 *
 * ```
 *  0 u8 version (1)   1 u8 role   2 u8 mode   3 u8 flags (1 blank)   4 u32 zero
 *  8 u64 epoch       16 16 bytes history (zero: none)
 * 32 u64 draw        40 u64 draw echo
 * 48 u64 in sync     56 u64 renounced        64 u64 ask renounce     72 u64 settings
 * 80 u8 why it lost step (0: it did not)   81 u8 times in a row   82 u16 zero   84 u32 wait in ms
 * 88 zero to 127
 * ```
 * Little-endian. What is reserved is written as zero and refused otherwise, so that a later version
 * can use it.
 */

import type { LostStep, Presence } from '../core/state.js'
import type { Mode, ResyncReason, Role } from '../events.js'
import { type Epoch, epochOf, type HistoryId, historyId, incarnationOf, millis } from '../units.js'

/** Size of the blob; the addon's `facts.presenceBytes` is compared with it by a test. */
export const presenceBytes = 128

const version = 1
const usedBytes = 88
const roles: readonly Role[] = ['starting', 'loading', 'standby', 'primary', 'fenced', 'stopped']
const modes: readonly (Mode | undefined)[] = [undefined, 'solo', 'paired', 'waiting']
const reasons: readonly (ResyncReason | undefined)[] = [
  undefined,
  'gap',
  'divergence',
  'overflow',
  'lag',
  'state',
  'protocol',
  'asked',
  'dropped',
  'refused',
]
const flagBlank = 1
const noHistory = '0'.repeat(32)

/** The blob for `presence`. */
export function encodePresence(presence: Presence): Uint8Array {
  const bytes = new Uint8Array(presenceBytes)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, version)
  view.setUint8(1, roles.indexOf(presence.role))
  view.setUint8(2, modes.indexOf(presence.mode))
  view.setUint8(3, presence.isBlank ? flagBlank : 0)
  view.setBigUint64(8, BigInt(presence.epoch), true)
  bytes.set(historyToBytes(presence.history), 16)
  view.setBigUint64(32, presence.draw, true)
  view.setBigUint64(40, presence.drawEcho, true)
  view.setBigUint64(48, presence.inSync ?? 0n, true)
  view.setBigUint64(56, BigInt(presence.renounced), true)
  view.setBigUint64(64, BigInt(presence.askRenounce), true)
  view.setBigUint64(72, presence.settings, true)
  const { lost } = presence
  if (lost) {
    view.setUint8(80, reasons.indexOf(lost.reason))
    view.setUint8(81, lost.inARow)
    view.setUint32(84, lost.wait, true)
  }
  return bytes
}

/** What `bytes` say, or undefined when they are not a presence of this version. */
export function decodePresence(bytes: Uint8Array): Presence | undefined {
  if (bytes.length !== presenceBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const role = roles[view.getUint8(1)]
  const flags = view.getUint8(3)
  const isReservedZero =
    view.getUint32(4) === 0 &&
    view.getUint16(82) === 0 &&
    bytes.subarray(usedBytes).every((byte) => byte === 0)
  if (view.getUint8(0) !== version || role === undefined || !isReservedZero) return undefined
  if (view.getUint8(2) >= modes.length || flags > flagBlank) return undefined
  const epoch = epochAt(view, 8)
  const renounced = epochAt(view, 56)
  const askRenounce = epochAt(view, 64)
  if (epoch === undefined || renounced === undefined || askRenounce === undefined) return undefined
  const hasLost = view.getUint8(80) > 0
  const isLostFine = hasLost || (view.getUint8(81) === 0 && view.getUint32(84) === 0)
  if (view.getUint8(80) >= reasons.length || !isLostFine) return undefined
  const inSync = view.getBigUint64(48, true)
  return {
    role,
    mode: modes[view.getUint8(2)],
    isBlank: flags === flagBlank,
    epoch,
    history: historyFromBytes(bytes.subarray(16, 32)),
    draw: view.getBigUint64(32, true),
    drawEcho: view.getBigUint64(40, true),
    inSync: inSync === 0n ? undefined : incarnationOf(inSync),
    renounced,
    askRenounce,
    lost: lostAt(view),
    settings: view.getBigUint64(72, true),
  }
}

function lostAt(view: DataView): LostStep | undefined {
  const reason = reasons[view.getUint8(80)]
  if (reason === undefined) return undefined
  return { reason, inARow: view.getUint8(81), wait: millis(view.getUint32(84, true)) }
}

/** 16 bytes of a history id; zeros for none. */
export function historyToBytes(history: HistoryId | undefined): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) =>
    Number.parseInt((history ?? noHistory).slice(2 * index, 2 * index + 2), 16),
  )
}

/** The history id of 16 bytes; undefined for zeros. */
export function historyFromBytes(bytes: Uint8Array): HistoryId | undefined {
  let digits = ''
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0')
  return digits === noHistory ? undefined : historyId(digits)
}

function epochAt(view: DataView, offset: number): Epoch | undefined {
  const value = view.getBigUint64(offset, true)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : epochOf(Number(value))
}
