/**
 * The bounds of the data connection: every number that keeps a stranger or a broken peer from
 * costing memory or time.
 *
 * Pure constants. What a user may set stands in `lib/options.ts`; these are part of the protocol.
 */

/**
 * Longest packet body before the other side is known, in bytes. A hello of the largest settings
 * list that we send takes under 4 KiB; a quarter of this would be tight, four times it would let
 * eight strangers hold half a megabyte.
 */
export const greetingBytes = 16_384

/** Longest name of a pair in UTF-8 bytes: 64 characters of up to 4 bytes. */
export const pairNameBytes = 256

/** Entries in the settings of a hello; we send about ten. */
export const settingCount = 64

/** Longest key of a setting in bytes. */
export const settingKeyBytes = 64

/** Longest value of a setting in bytes: versions and numbers, never documents. */
export const settingValueBytes = 256

/** Longest sentence in a refusal in bytes; longer ones are cut by the sender. */
export const refusalMessageBytes = 4_096

/** Packet types 1 to 15 belong to the connection itself; what travels on a link begins here. */
export const firstLinkType = 16

/**
 * Bytes of image in one chunk: large enough for the wire, small enough not to hold up frames for
 * long.
 */
export const chunkBytes = 262_144

/** Headers and a source name around the largest thing that a packet carries. */
const packetOverheadBytes = 4_096

/** Longest packet body between members that take inputs of at most `inputBytes`. */
export function packetLimit(inputBytes: number): number {
  return Math.max(inputBytes, chunkBytes) + packetOverheadBytes
}

/** Longest source name in UTF-8 bytes. */
export const sourceNameBytes = 512

/** Bytes of a frame packet beside source and data, generously. */
export const frameOverheadBytes = 64
