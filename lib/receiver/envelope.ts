/**
 * An output as it travels: its fields, its binary form, and the checksum of both.
 *
 * The form is for receivers that have none of their own. It says its own length, so that envelopes
 * can follow each other on a stream, and every byte of it is under one of two CRC-32C: a damaged
 * envelope is refused and never half understood. A CRC finds accidents, not forgery.
 *
 * Numbers are big-endian; lengths count bytes.
 *
 *       0               4               8               12              16
 *       +---------------+---------------+-------------------------------+
 *    0  | "HPE" 0x01    | length of all | epoch                         |
 *       +---------------+---------------+-------------------------------+
 *   16  | first number of this epoch    | number                        |
 *       +-------------------------------+-------------------------------+
 *   32  | history, 128 bits                                             |
 *       +---------------+-------+-------+---------------+---------------+
 *   48  | digest of data| p | c | flags | check of head | pair, channel, data …
 *       +---------------+-------+-------+---------------+
 *
 *   p, c    length of the pair's and of the channel's name in UTF-8, 1 to 255 each
 *   flags   bit 0: may have been sent before; all others 0
 *   check   CRC-32C of bytes 0 to 55 and of both names; `digest` is that of the data
 */

import { PairError } from '../errors.js'

/** An output as it travels. An `Output` of the library is one. */
export interface Envelope {
  /** Name of the service, 1 to 255 bytes of UTF-8. */
  readonly pair: string
  /** 32 hexadecimal digits; numbers count within it. */
  readonly history: string
  readonly epoch: number
  /** The first number of this channel that this epoch sends; at most `number`. */
  readonly firstOfEpoch: number
  /** 1 to 255 bytes of UTF-8. */
  readonly channel: string
  /** From 1, without gaps within (history, channel). */
  readonly number: number
  /** CRC-32C of `data`. */
  readonly digest: number
  readonly data: Uint8Array
  /** May have been sent before. For the record only: no verdict depends on it. */
  readonly isRepeat?: boolean
}

const magic = 0x48504501
const headBytes = 60
const checkOffset = 56

/**
 * The binary form of `envelope`.
 * @throws PairError `ERR_HOTPAIR_ENVELOPE` when a field is out of its bounds or the digest is not
 * that of the data.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  checkEnvelope(envelope)
  const { history, data, digest } = envelope
  if (checksum(data) !== digest) throw malformed('the digest is not that of the data')
  const pair = new TextEncoder().encode(envelope.pair)
  const channel = new TextEncoder().encode(envelope.channel)
  const namesEnd = headBytes + pair.length + channel.length
  const bytes = new Uint8Array(namesEnd + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic)
  view.setUint32(4, bytes.length)
  view.setBigUint64(8, BigInt(envelope.epoch))
  view.setBigUint64(16, BigInt(envelope.firstOfEpoch))
  view.setBigUint64(24, BigInt(envelope.number))
  view.setBigUint64(32, BigInt(`0x${history.slice(0, 16)}`))
  view.setBigUint64(40, BigInt(`0x${history.slice(16)}`))
  view.setUint32(48, digest)
  view.setUint8(52, pair.length)
  view.setUint8(53, channel.length)
  view.setUint16(54, envelope.isRepeat === true ? 1 : 0)
  bytes.set(pair, headBytes)
  bytes.set(channel, headBytes + pair.length)
  bytes.set(data, namesEnd)
  view.setUint32(checkOffset, headCheck(bytes, namesEnd))
  return bytes
}

/**
 * The envelope in `bytes`, which must be exactly one. `data` shares their memory: copy what you
 * keep when the buffer is used again.
 * @throws PairError `ERR_HOTPAIR_ENVELOPE` when they are no envelope or were damaged.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const length = envelopeBytes(bytes)
  if (length !== bytes.length) {
    throw malformed(`it says ${length ?? 'at least 60'} bytes and has ${bytes.length}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const channelStart = headBytes + view.getUint8(52)
  const namesEnd = channelStart + view.getUint8(53)
  if (namesEnd > bytes.length) throw malformed('its names reach past its end')
  if (headCheck(bytes, namesEnd) !== view.getUint32(checkOffset)) {
    throw malformed('its head fails its CRC-32C')
  }
  const flags = view.getUint16(54)
  if (flags > 1) throw malformed(`its flags 0x${flags.toString(16)} are of a later version`)
  const envelope = {
    pair: text(bytes.subarray(headBytes, channelStart)),
    history: hex(view.getBigUint64(32)) + hex(view.getBigUint64(40)),
    epoch: Number(view.getBigUint64(8)),
    firstOfEpoch: Number(view.getBigUint64(16)),
    channel: text(bytes.subarray(channelStart, namesEnd)),
    number: Number(view.getBigUint64(24)),
    digest: view.getUint32(48),
    data: bytes.subarray(namesEnd),
    isRepeat: flags === 1,
  }
  checkEnvelope(envelope)
  if (checksum(envelope.data) !== envelope.digest) throw malformed('its data fails its CRC-32C')
  return envelope
}

/**
 * The length of the envelope that begins with `bytes`, or undefined where fewer than 8 of them are
 * there: what a reader of a stream cuts by. The length is not yet checked: bound it.
 * @throws PairError `ERR_HOTPAIR_ENVELOPE` when no envelope begins like this.
 */
export function envelopeBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < 8) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  if (view.getUint32(0) !== magic) throw malformed('it does not begin with "HPE" and version 1')
  const length = view.getUint32(4)
  if (length < headBytes) throw malformed(`it says ${length} bytes, fewer than its own head`)
  return length
}

/** CRC-32C (Castagnoli) of `bytes`; `seed` is the checksum of what comes before them. */
export function checksum(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Refuses a field out of its bounds. It does not compute the digest of the data. */
export function checkEnvelope(envelope: Envelope): void {
  const { pair, history, epoch, firstOfEpoch, channel, number, digest, data } = envelope
  if (!isName(pair)) throw malformed('its pair must be a string of 1 to 255 bytes')
  if (!isName(channel)) throw malformed('its channel must be a string of 1 to 255 bytes')
  if (typeof history !== 'string' || !/^[0-9a-f]{32}$/.test(history)) {
    throw malformed(`its history must be 32 hexadecimal digits, not ${JSON.stringify(history)}`)
  }
  if (!isWhole(epoch, 0)) throw malformed(`its epoch must be a whole number, not ${epoch}`)
  if (!isWhole(number, 1)) throw malformed(`its number must be whole and 1 or more, not ${number}`)
  if (!isWhole(firstOfEpoch, 1) || firstOfEpoch > number) {
    throw malformed(`the first number of its epoch must be 1 to ${number}, not ${firstOfEpoch}`)
  }
  if (!isWhole(digest, 0) || digest > 0xffff_ffff) {
    throw malformed(`its digest must be a whole number below 2^32, not ${digest}`)
  }
  if (!(data instanceof Uint8Array)) throw malformed('its data must be a Uint8Array')
}

/** Whether `value` is a whole number that a double holds exactly, `least` or more. */
export function isWhole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least
}

// A UTF-16 unit makes at most three bytes: most names need no encoding to be measured.
function isName(value: string): boolean {
  if (typeof value !== 'string' || value.length === 0 || /\p{Surrogate}/u.test(value)) {
    return false
  }
  return value.length * 3 <= 255 || new TextEncoder().encode(value).length <= 255
}

function headCheck(bytes: Uint8Array, namesEnd: number): number {
  return checksum(bytes.subarray(headBytes, namesEnd), checksum(bytes.subarray(0, checkOffset)))
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed('a name of it is no UTF-8', cause)
  }
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

function malformed(why: string, cause?: unknown): PairError {
  const message = `the envelope was refused: ${why}`
  return new PairError('ERR_HOTPAIR_ENVELOPE', message, cause === undefined ? {} : { cause })
}

// The table of the reflected polynomial 0x1EDC6F41, one entry a byte.
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  return crc
})
