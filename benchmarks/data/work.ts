/**
 * The two loads that every subject of `commit` and `throughput` is put under, alike: one message
 * after the other, and many at once.
 *
 * A subject is one function: it takes a message and calls back when that is safe at the other end.
 * A value is the time of one message, in microseconds.
 */

/** Sends one message; the promise resolves when the other end has it. */
export type Send = (data: Uint8Array) => Promise<unknown>

/** Sends `count` messages, each when the one before is done: the time of each. */
export async function pingPong(send: Send, count: number, bytes: number): Promise<Float64Array> {
  const data = Buffer.alloc(bytes, 'p')
  const took = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    const began = performance.now()
    await send(data)
    took[index] = (performance.now() - began) * 1000
  }
  return took
}

/** Sends `count` messages, `depth` of them unanswered at a time: messages a second. */
export function pipeline(
  send: Send,
  count: number,
  { bytes, depth }: { readonly bytes: number; readonly depth: number },
): Promise<number> {
  const data = Buffer.alloc(bytes, 'p')
  return new Promise((resolve, reject) => {
    const began = performance.now()
    let begun = 0
    let done = 0
    const next = () => {
      begun++
      send(data).then(onDone, reject)
    }
    const onDone = () => {
      done++
      if (begun < count) next()
      else if (done === count) resolve((count / (performance.now() - began)) * 1000)
    }
    while (begun < Math.min(depth, count)) next()
  })
}

/** What each subject's process is asked to do. */
export interface Block {
  readonly count: number
  readonly bytes: number
  readonly depth: number
}
