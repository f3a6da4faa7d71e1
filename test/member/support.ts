/**
 * Real members on loopback for tests: opened by the public call, closed when the test ends.
 *
 * Every wait has a deadline and a sentence that says what was missing: a test that only stops tells
 * nothing. The deadline is no bound of the library; it is a guard, far above what a busy machine
 * needs. Times are short (beats every 20 ms), but the window leaves room for a stalled machine.
 */

import {
  type App,
  type Member,
  type MemberOptions,
  type Output,
  openMember,
  type PairEvent,
  type PairEvents,
  type PlainApp,
} from 'hotpair'
import type { Test } from 'tap'
import { freePorts } from '../../examples/demo/ports.js'

/** Longest wait for anything that must happen. */
export const deadlineMs = 15_000

/** Two members' worth of neighbouring ports: control and data of a, then of b. */
export interface Ports {
  readonly a: number
  readonly b: number
}

export async function portsOfPair(): Promise<Ports> {
  const first = await freePorts(4, [])
  return { a: first, b: first + 2 }
}

export interface Count {
  count: number
  texts: string[]
}

/** Keeps every input as text and sends it back. */
export function echo(outputs: Output[]): PlainApp<Count> {
  return {
    init: () => ({ count: 0, texts: [] }),
    process(state, frame, ctx) {
      state.count += 1
      state.texts.push(Buffer.from(frame.data).toString())
      ctx.send(frame.data)
    },
    deliver: (output) => void outputs.push(output),
  }
}

export type Changes<State> = Partial<Omit<MemberOptions<State>, 'app' | 'member'>>

/** The options of one side of a pair at `ports`. */
export function optionsOf<State>(
  member: 'a' | 'b',
  ports: Ports,
  app: App<State>,
  changes: Changes<State> = {},
): MemberOptions<State> {
  return {
    pair: 'test',
    member,
    members: { a: `127.0.0.1:${ports.a}`, b: `127.0.0.1:${ports.b}` },
    arbiter: 'none',
    heartbeatMs: 20,
    windowMs: 600,
    startWindowMs: 600,
    app,
    ...changes,
  }
}

/** Opens a member that is closed at the end of the test. */
export async function open<State>(t: Test, options: MemberOptions<State>): Promise<Member<State>> {
  const member = await openMember(options)
  t.teardown(() => member.close())
  return member
}

export interface Pair<State> {
  readonly ports: Ports
  /** Rules when the pair is opened: it was the first. */
  readonly first: Member<State>
  readonly second: Member<State>
  readonly outputs: Output[]
}

/** Opens a, then b, and waits until they are paired; a rules. */
export async function openPair<State>(
  t: Test,
  appOf: (outputs: Output[]) => App<State>,
  changes: Changes<State> = {},
): Promise<Pair<State>> {
  const ports = await portsOfPair()
  const outputs: Output[] = []
  const first = await open(t, optionsOf('a', ports, appOf(outputs), changes))
  await soon(first.until('primary'), 'member a rules')
  const second = await open(t, optionsOf('b', ports, appOf(outputs), changes))
  await soon(Promise.all([first.until('paired'), second.until('standby')]), 'both are paired')
  return { ports, first, second, outputs }
}

/** `promise`, or an error that says what did not happen in time. */
export function soon<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`not within ${deadlineMs} ms: ${what}`)),
      deadlineMs,
    )
    promise.then(resolve, reject).finally(() => clearTimeout(late))
  })
}

/** Looks every few milliseconds until `holds`. */
export function eventually(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + deadlineMs
  return new Promise((resolve, reject) => {
    const look = () => {
      if (holds()) resolve()
      else if (Date.now() > end) reject(new Error(`not within ${deadlineMs} ms: ${what}`))
      else setTimeout(look, 5)
    }
    look()
  })
}

/** The next event of that name for which `fits` holds. */
export function nextEvent<State, Name extends PairEvent['type']>(
  member: Member<State>,
  name: Name,
  fits: (event: PairEvents[Name]) => boolean = () => true,
): Promise<PairEvents[Name]> {
  const found = new Promise<PairEvents[Name]>((resolve) => {
    const listener = (event: PairEvents[Name]) => {
      if (!fits(event)) return
      member.off(name, listener)
      resolve(event)
    }
    member.on(name, listener)
  })
  return soon(found, `an event '${name}' that fits`)
}

/** Every event of that name from now on. */
export function collect<State, Name extends PairEvent['type']>(
  member: Member<State>,
  name: Name,
): PairEvents[Name][] {
  const events: PairEvents[Name][] = []
  member.on(name, (event) => events.push(event))
  return events
}

/** The code of what `promise` rejects with, or what it resolved with instead. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: await soon(promise, 'a promise settles') }
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

export function textOf(output: Output): string {
  return Buffer.from(output.data).toString()
}
