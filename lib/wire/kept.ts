/**
 * A file that outlives the process which wrote it: of which kind, of which version, for which pair,
 * and whole.
 *
 *     8 bytes magic │ u16 version │ string pair │ content │ u32 CRC-32C of all before it
 *
 * Reading is total and guesses nothing: where there is no content to be had it says why, for
 * whoever finds such a file has to decide what becomes of it. Pure: no I/O, no time.
 */

import { BodyReader } from './body.js'
import { crc32c } from './crc32c.js'
import { pairNameBytes } from './limits.js'

const version = 1

/** Who keeps it: the witness of a pair, or one of its members. */
export type KeptBy = 'witness' | 'member'

const magics: Readonly<Record<KeptBy, Buffer>> = {
  witness: Buffer.from('hotpair\n'),
  member: Buffer.from('hotpairm'),
}

/** The file that keeps `content` for `pair`. */
export function encodeKept(by: KeptBy, pair: string, content: Uint8Array): Uint8Array {
  const magic = magics[by]
  const name = Buffer.from(pair)
  const file = Buffer.alloc(magic.length + 4 + name.length + content.length + 4)
  magic.copy(file)
  let at = file.writeUInt16LE(version, magic.length)
  at = file.writeUInt16LE(name.length, at)
  name.copy(file, at)
  file.set(content, at + name.length)
  file.writeUInt32LE(crc32c(file.subarray(0, -4)), file.length - 4)
  return file
}

/** What `file` keeps for `pair`, or in words why that cannot be told. */
export function decodeKept(by: KeptBy, pair: string, file: Uint8Array): Uint8Array | string {
  const magic = magics[by]
  const reader = new BodyReader().of(file)
  if (!magic.equals(reader.raw(magic.length))) return `it was not written by a ${by} of hotpair`
  const found = reader.u16()
  if (found !== version) return `it has version ${found} of its layout, known is ${version}`
  const name = reader.string(pairNameBytes)
  const rest = reader.rest()
  const sum = new BodyReader().of(rest.subarray(-4)).u32()
  if (!reader.isSound || rest.length < 4 || sum !== crc32c(file.subarray(0, -4)))
    return 'it is cut short or damaged: its checksum is wrong'
  if (name !== pair) return `it belongs to pair ${JSON.stringify(name)}`
  return rest.slice(0, -4)
}
