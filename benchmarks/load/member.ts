/**
 * One end of the loads that `load` and `reload` measure: a region with its loads and nothing of the
 * pair around it. The parent says what is to happen; times are CLOCK_MONOTONIC in ns.
 */

import { openRegion } from '#lib/native/region.js'
import type { RegionBasis, RegionPort, SideStream } from '#lib/runtime/ports-region.js'
import { serve } from '../support/serve.js'
import { dial, listen } from './side.js'

const key = new Uint8Array(16).fill(7)
const pageBytes = 4096

/** What the sender of a load saw. */
export interface Sent {
  readonly beganAt: bigint
  /** The longest call of `finish`, as the program feels it. */
  readonly holdMs: number
  readonly rounds: number
  readonly bytes: number
}

export interface Received {
  readonly beganAt: bigint
  /** Put in place. */
  readonly endedAt: bigint
  readonly installMs: number
}

let region: RegionPort | undefined
let side: SideStream | undefined
let accepted: Promise<SideStream> | undefined

const now = () => process.hrtime.bigint()
const millis = (from: bigint, to: bigint) => Number(to - from) / 1e6

function opened(): RegionPort {
  if (region === undefined) throw new Error('the region is not open')
  return region
}

async function connection(): Promise<SideStream> {
  const made = side ?? (await accepted)
  if (made === undefined) throw new Error('there is no connection')
  side = undefined
  accepted = undefined
  return made
}

// A word of each due page, as far as the clock has come: a program that writes all over its state.
function startWriting(percentASecond: number): () => void {
  const words = new Float64Array(opened().buffer)
  const wordsAPage = pageBytes / 8
  const pages = words.length / wordsAPage
  const began = now()
  let written = 0
  let isOver = percentASecond === 0
  const write = () => {
    if (isOver) return
    const due = ((pages * percentASecond) / 100) * (millis(began, now()) / 1_000)
    for (; written < due; written++) {
      words[Math.floor(Math.random() * pages) * wordsAPage] = written
    }
    setTimeout(write, 1)
  }
  write()
  return () => {
    isOver = true
  }
}

serve({
  open(bytes: number) {
    region?.close()
    region = openRegion({ bytes, key })
    return { way: region.way, refusal: region.refusal }
  },
  fill() {
    const words = new Float64Array(opened().buffer)
    for (let at = 0; at < words.length; at++) words[at] = at * 1.1
  },
  /** As a process that was started again with the state that it had kept: nothing else is known. */
  startAgain() {
    const kept = Buffer.from(new Uint8Array(opened().buffer))
    region?.close()
    region = openRegion({ bytes: kept.length, key })
    new Uint8Array(region.buffer).set(kept)
  },
  /** Changes one page of each `each`. */
  change(each: number) {
    const bytes = new Uint8Array(opened().buffer)
    for (let at = 0; at < bytes.length; at += each * pageBytes) bytes[at] = (bytes[at] ?? 0) + 1
  },
  mark: (n: number) => opened().mark(n),
  digest: () => opened().digest(),
  async listen() {
    const { port, accepted: promised } = await listen()
    accepted = promised
    return port
  },
  async dial(port: number) {
    side = await dial(port)
  },
  async send({ ask, percentASecond }: { ask: number; percentASecond: number }): Promise<Sent> {
    const stream = await connection()
    const stop = startWriting(percentASecond)
    const beganAt = now()
    let holdMs = 0
    const { rounds, bytes } = await new Promise<{ rounds: number; bytes: number }>(
      (resolve, reject) => {
        const sending = opened().send(ask, stream, {
          nearly() {
            const from = now()
            sending.finish()
            holdMs = Math.max(holdMs, millis(from, now()))
          },
          done: () => resolve(sending.progress()),
          failed: reject,
        })
      },
    )
    stop()
    return { beganAt, holdMs, rounds, bytes }
  },
  async receive({ ask, basis }: { ask: number; basis: RegionBasis }): Promise<Received> {
    const stream = await connection()
    const beganAt = now()
    return new Promise((resolve, reject) => {
      const arrival = opened().receive(ask, stream, basis, {
        done() {
          const from = now()
          arrival.install()
          const endedAt = now()
          resolve({ beganAt, endedAt, installMs: millis(from, endedAt) })
        },
        failed: reject,
      })
    })
  },
})
