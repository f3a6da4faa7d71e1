/**
 * Inputs of a simulation: what each tells `process` to do, and its bytes.
 *
 * An input's bytes name it and nothing more; what it means is looked up here, by the application
 * and by the oracle alike. Sources are endless.
 */

import { generator } from './random.js'
import type { Settings } from './settings.js'

/** What one input tells `process` to do. */
export interface Order {
  readonly source: number
  readonly seq: number
  /** Bytes of each output, by channel; 0: none. */
  readonly sizes: readonly number[]
  /** Outputs of each size: 1 where it is not said. */
  readonly copies?: number
  /** The program closes this member from inside `process`, and goes on sending. */
  readonly closes?: 'a' | 'b'
  /** Deterministic: throws after it has changed the state and sent something. */
  readonly throws: boolean
  /** Makes the two members differ on purpose. */
  readonly diverges: boolean
  /** Puts something into the state that cannot be cloned, or takes it out. */
  readonly poison: 'in' | 'out' | undefined
  /** Sets a timer of its own that is due after this. */
  readonly timerMs?: number
  /** Bytes of padding: the size of the input itself. */
  readonly padding: number
}

const seqSpan = 2 ** 20

export function idOf({ source, seq }: { source: number; seq: number }): number {
  return source * seqSpan + seq
}

/** Sources are numbered below it; the timer that an input sets bears its number and this. */
const timerSource = 1_000

/** The id of the timer that the input `id` sets. */
export function timerOf(id: number): number {
  return id + timerSource * seqSpan
}

export function isTimer(id: number): boolean {
  return id >= timerSource * seqSpan
}

/** The input that has set the timer `id`. */
export function setterOf(id: number): number {
  return id - timerSource * seqSpan
}

/** An id in a sentence. */
export function told(id: number): string {
  if (isTimer(id)) return `the timer of ${told(setterOf(id))}`
  return `input ${Math.floor(id / seqSpan)}/${id % seqSpan}`
}

/** The number of an input within its source. */
export function seqOf(id: number): { readonly source: number; readonly seq: number } {
  return { source: Math.floor(id / seqSpan), seq: id % seqSpan }
}

/** Where the inputs of a run come from. */
export class Inputs {
  readonly sources: number
  readonly channels: number
  readonly #draw: (source: number, seq: number) => Order
  readonly #known = new Map<number, Order>()
  readonly #bytes = new Map<number, Uint8Array>()

  constructor(
    { sources, channels }: Pick<Settings, 'sources' | 'channels'>,
    draw: (source: number, seq: number) => Order,
  ) {
    this.sources = sources
    this.channels = channels
    this.#draw = draw
  }

  order(source: number, seq: number): Order {
    const id = idOf({ source, seq })
    const known = this.#known.get(id)
    if (known) return known
    const order = this.#draw(source, seq)
    this.#known.set(id, order)
    return order
  }

  /** Its bytes; they must not be changed. */
  bytesOf(order: Order): Uint8Array {
    const id = idOf(order)
    const known = this.#bytes.get(id)
    if (known) return known
    const bytes = encode(order)
    this.#bytes.set(id, bytes)
    return bytes
  }

  byId(id: number): Order {
    const { source, seq } = seqOf(id)
    return this.order(source, seq)
  }
}

/** Endless inputs, each a function of the seed, its source and its number. */
export function drawn(settings: Settings): Inputs {
  return new Inputs(settings, (source, seq) => draw(settings, source, seq))
}

function draw(settings: Settings, source: number, seq: number): Order {
  const random = generator(settings.seed * 31 + idOf({ source, seq }) * 7 + 1)
  const { sends, throws, diverges, poisons, timers, channels, isLarge } = settings
  const sizes = Array.from({ length: channels }, () => {
    if (random() >= sends) return 0
    return isLarge && random() < 0.1 ? 100_000 : 30
  })
  const isPoison = random() < poisons
  // What was put in is taken out by every eighth input at the latest, so that loads go on.
  const takesOut = poisons > 0 && seq % 8 === 0
  const doesThrow = random() < throws
  const order: Order = {
    source,
    seq,
    sizes,
    throws: doesThrow,
    diverges: random() < diverges,
    poison: takesOut ? 'out' : isPoison ? 'in' : undefined,
    padding: isLarge ? Math.floor(random() * 3_000) : 0,
  }
  const timerMs = Math.floor(random() * 1_000)
  return !doesThrow && random() < timers ? { ...order, timerMs } : order
}

/** The bytes of an input. */
function encode(order: Order): Uint8Array {
  const bytes = Buffer.alloc(8 + order.padding, order.seq & 0xff)
  bytes.writeUInt32LE(order.source, 0)
  bytes.writeUInt32LE(order.seq, 4)
  return bytes
}

/** The input that `data` is. Throws when a byte of it has changed. */
export function decode(data: Uint8Array, inputs: Inputs): Order {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const order = inputs.order(view.getUint32(0, true), view.getUint32(4, true))
  if (Buffer.compare(data, inputs.bytesOf(order)) === 0) return order
  throw new Error(`input ${order.source}/${order.seq} has changed on its way`)
}
