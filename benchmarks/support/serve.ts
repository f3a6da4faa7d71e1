/**
 * The child's end of a benchmark's process: it answers orders of its parent, and dies with it.
 *
 * An order has a name and an argument; its answer is whatever the handler returns or resolves
 * with. Floats travel as they are, because both ends speak structured clone.
 */

/** An order on its way to the child. */
export interface Order {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

/** An answer, or something that the child tells unasked. */
export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | { readonly type: 'told'; readonly value: unknown }

// Whatever the argument of an order is, its sender and its handler agree on it.
type Handler = (argument: never) => unknown

/** Tells the parent `value`, unasked. */
export function tell(value: unknown): void {
  send({ type: 'told', value })
}

/** Answers orders by the handler of their name, from now on. */
export function serve(handlers: Readonly<Record<string, Handler>>): void {
  process.on('message', async ({ id, name, argument }: Order) => {
    try {
      const handler = handlers[name]
      if (handler === undefined) throw new Error(`this process knows no order '${name}'`)
      send({ type: 'answer', id, value: await handler(argument as never) })
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
      send({ type: 'failed', id, message })
    }
  })
  process.on('disconnect', () => process.exit())
  send({ type: 'ready' })
}

function send(report: Report): void {
  if (process.connected) process.send?.(report, undefined, undefined, () => {})
}
