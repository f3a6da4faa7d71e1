/**
 * One fault and what follows from it, for each contender: strike, wait for the first output of a
 * new epoch, put the pair together again.
 *
 * Everything is on the monotonic clock of this process, or of a child on the same machine, which is
 * the same clock.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../support/child.js'
import type { HotpairPair } from './hotpair-pair.js'
import { monotonicMs, type World } from './world.js'

export type Fault = 'kill' | 'stop' | 'hang' | 'close'

/** What one fault took, in milliseconds from its beginning. */
export interface Blow {
  /** Until the first output of the new epoch. */
  readonly takeoverMs: number
  /** Until the connection of the victim ended; only where the fault ends it. */
  readonly endMs: number | undefined
}

/** Longest wait for an output of the new epoch. */
const limitMs = 3_000
/** A loop that hangs does so for longer than any takeover takes; then the victim is back. */
const hangMs = 1_200
/** Outputs flow, and the moment of the fault has nothing to do with that of the last one. */
const leastPauseMs = 15
const pauseSpreadMs = 30

function pause(): Promise<void> {
  return sleep(leastPauseMs + Math.random() * pauseSpreadMs)
}

async function newEpoch(world: World, former: number, what: string): Promise<number> {
  await world.until(() => world.newest.epoch > former, `an output after ${what}`, limitMs)
  return world.newest.at
}

// The member whose reign it is: `a` has the odd epochs.
function ownerOf(epoch: number): 'a' | 'b' {
  return epoch % 2 === 1 ? 'a' : 'b'
}

// The pair is paired, pinned, heard at the sink, and has not changed by itself meanwhile: on a busy
// machine a short window may have passed without any fault of ours.
async function settle(world: World, pair: HotpairPair): Promise<void> {
  do {
    await pair.untilPaired()
    pair.pin()
    await pause()
  } while (!pair.isPaired || ownerOf(world.newest.epoch) !== pair.primary.name)
}

export async function strikeHotpair(world: World, pair: HotpairPair, fault: Fault): Promise<Blow> {
  await settle(world, pair)
  const { primary, standby } = pair
  const former = world.newest.epoch
  const { child } = primary
  let began = monotonicMs()
  let hung: Promise<number> | undefined
  let closed: Promise<unknown> | undefined
  if (fault === 'kill') child.signal('SIGKILL')
  else if (fault === 'stop') child.signal('SIGSTOP')
  else if (fault === 'hang') hung = child.ask<number>('block', hangMs)
  else closed = child.ask('close')
  const at = await newEpoch(world, former, fault).catch((error) => {
    if (fault === 'stop') child.signal('SIGCONT')
    throw error
  })
  const endMs = fault === 'kill' ? (world.endOf(child.pid) ?? Number.NaN) - began : undefined
  if (fault === 'stop') child.signal('SIGCONT')
  if (hung !== undefined) began = await hung
  await closed
  if (fault === 'kill' || fault === 'close') await pair.restart(primary)
  await pair.untilRuledBy(standby)
  return { takeoverMs: at - began, endMs }
}

/** What is not hotpair: it is killed or stopped, and put together again. */
export interface Contender {
  readonly primary: { readonly child: Child }
  pin(): void
  /** Somebody has taken over: resolves when there is a standby again. */
  changed(): Promise<void>
}

export async function strikeContender(
  world: World,
  pair: Contender,
  fault: 'kill' | 'stop',
): Promise<Blow> {
  pair.pin()
  await pause()
  const former = world.newest.epoch
  const { child } = pair.primary
  const began = monotonicMs()
  child.signal(fault === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  const at = await newEpoch(world, former, fault)
  const end = world.endOf(child.pid)
  const endMs = fault === 'kill' && end !== undefined ? end - began : undefined
  await pair.changed()
  return { takeoverMs: at - began, endMs }
}
