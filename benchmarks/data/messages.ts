/**
 * Length-prefixed messages as a plain Node.js program takes them apart: `u32 length` of the bytes,
 * `u32 id`, bytes.
 */

const headBytes = 8

export class Messages {
  #rest: Buffer = Buffer.alloc(0)

  /** Takes a chunk and calls `onMessage` for each message that is whole. */
  push(chunk: Buffer, onMessage: (id: number, data: Buffer) => void): void {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (buffer.length - at >= headBytes) {
      const end = at + headBytes + buffer.readUInt32LE(at)
      if (end > buffer.length) break
      onMessage(buffer.readUInt32LE(at + 4), buffer.subarray(at + headBytes, end))
      at = end
    }
    this.#rest = buffer.subarray(at)
  }
}

/** One message as bytes. */
export function message(id: number, data: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + data.length)
  bytes.writeUInt32LE(data.length, 0)
  bytes.writeUInt32LE(id, 4)
  bytes.set(data, headBytes)
  return bytes
}
