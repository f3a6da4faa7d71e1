/**
 * What a process can be told to do to itself: block its event loop, give its collector work, and
 * hold memory that the kernel has to take down when it dies.
 */

/** Blocks the event loop; answers when it began, on the monotonic clock. */
export function block(milliseconds: number): number {
  const began = process.hrtime.bigint()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
  return Number(began) / 1e6
}

const garbage: unknown[] = []

/** Makes some 100 MB of objects that live for a while, so that the collector has much to do. */
export function litter(): void {
  garbage.length = 0
  for (let index = 0; index < 400_000; index++) garbage.push({ index, text: `${index}`, more: [] })
}

const ballast: Uint8Array[] = []

/** Holds so much memory from now on, touched. */
export function holdBallast(mebibytes: number): void {
  ballast.length = 0
  if (mebibytes > 0) ballast.push(new Uint8Array(mebibytes * 1_048_576).fill(1))
}
