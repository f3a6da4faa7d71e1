/**
 * Reads what `v8.serialize` wrote, with each view over a buffer of its own.
 *
 * Read plainly, every typed array of the state would be a window on the one buffer of the image: a
 * program that looks at `bytes.buffer` would see other things than on the member where it was made,
 * and a single small array would keep the whole image in memory.
 */

import { DefaultDeserializer } from 'node:v8'

/** As Node reads a view: a window on the image. Documented for those who extend the class. */
const readWindow: unknown = Reflect.get(DefaultDeserializer.prototype, '_readHostObject')

class ImageReader extends DefaultDeserializer {
  /** Called by the engine for each view. */
  _readHostObject(): unknown {
    if (typeof readWindow !== 'function')
      throw new Error('this version of Node.js reads no typed arrays')
    return apart(Reflect.apply(readWindow, this, []))
  }
}

/** Throws when `image` is not whole. */
export function readImage(image: Uint8Array): unknown {
  const reader = new ImageReader(image)
  reader.readHeader()
  return reader.readValue()
}

function apart(window: unknown): unknown {
  if (!ArrayBuffer.isView(window)) return window
  const bytes = new Uint8Array(window.buffer, window.byteOffset, window.byteLength)
  if (Buffer.isBuffer(window)) return Buffer.from(bytes)
  if (window instanceof DataView) return new DataView(bytes.slice().buffer)
  return Reflect.construct(window.constructor, [bytes.slice().buffer])
}
