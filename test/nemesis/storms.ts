/**
 * What the network does to a pair: each storm by its name, how it blows, and what it may bring.
 *
 *   calm    nothing may change: no role, no mode, nobody may be found missing
 *   resync  the standby may lose its place and load again; nobody else may rule
 *   split   for a window one cannot hear the other though it lives: without an arbiter both may
 *           rule, and the lower reign yields afterwards; with one, one rules at a time
 *   stay    only the one that rules may go on, or nobody: the other one may not rule
 *   move    the other one rules if the silence lasts, and never both
 *
 * A storm blows for as long as it is given and then leaves the wires whole.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import {
  links,
  type Namespaces,
  type Way,
  type Weather,
  type Wire,
} from '../process/netns/namespaces.js'
import type { RealArbiter } from './arbiters.js'

export type Allowance = 'calm' | 'resync' | 'split' | 'stay' | 'move'

/** What a storm has at hand. */
export interface Sky {
  readonly network: Namespaces
  readonly primary: 'a' | 'b'
  /** The link over which the data goes. */
  readonly data: Wire
  readonly lastsMs: number
  readonly arbiter: RealArbiter | undefined
  readonly signal: AbortSignal
}

export interface Storm {
  readonly words: string
  readonly allows: Allowance
  /** There is nothing to strike without one. */
  readonly needsArbiter?: true
  blow(sky: Sky): Promise<void>
}

/** A link that flaps is away, and there, for so long: shorter than the default window. */
const flapMs = 300

export const storms = {
  cut: steady('nothing passes between the members', 'split', () => [links, 'both', { loss: 1 }]),
  unplug: {
    words: 'every cable between the members is pulled',
    allows: 'split',
    async blow({ network, lastsMs, signal }) {
      await network.unplug(links)
      await sleep(lastsMs, undefined, { signal })
      await network.heal()
    },
  },
  'deaf-standby': steady('the standby hears nothing of the primary', 'split', ({ primary }) => [
    links,
    primary === 'a' ? 'there' : 'back',
    { loss: 1 },
  ]),
  'deaf-primary': steady('the primary hears nothing of the standby', 'split', ({ primary }) => [
    links,
    primary === 'a' ? 'back' : 'there',
    { loss: 1 },
  ]),
  'cut-link': steady('the link without the data is cut', 'calm', ({ data }) => [
    links.filter((link) => link !== data),
    'both',
    { loss: 1 },
  ]),
  'cut-data-link': steady('the link with the data is cut', 'resync', ({ data }) => [
    [data],
    'both',
    { loss: 1 },
  ]),
  'flap-link': flap('the link with the data flaps', ({ data }) => [data]),
  flap: flap('both links flap', () => links),
  loss: steady('30 % of all packets are lost', 'resync', () => [links, 'both', { loss: 0.3 }]),
  delay: steady('every packet takes 150 to 250 ms', 'resync', () => [
    links,
    'both',
    { delayMs: 150, jitterMs: 100 },
  ]),
  double: steady('30 % of all packets come twice', 'calm', () => [links, 'both', { double: 0.3 }]),
  reorder: steady('20 % of all packets are overtaken', 'calm', () => [
    links,
    'both',
    { late: 0.2 },
  ]),
  narrow: steady('1 Mbit/s', 'resync', () => [links, 'both', { kbits: 1000, queueMs: 200 }]),
  'black-hole': steady('packets above 600 bytes vanish', 'resync', () => [
    links,
    'both',
    { bytes: 600 },
  ]),
  'cut-world-primary': steady('source and sink cannot reach the primary', 'calm', (sky) => [
    [worldOf(sky.primary)],
    'both',
    { loss: 1 },
  ]),
  'cut-world-standby': steady('source and sink cannot reach the standby', 'calm', (sky) => [
    [worldOf(otherOf(sky.primary))],
    'both',
    { loss: 1 },
  ]),
  'arbiter-killed': {
    words: 'the arbiter is killed, and started again',
    allows: 'calm',
    needsArbiter: true,
    async blow({ arbiter, lastsMs, signal }) {
      await arbiter?.kill()
      await sleep(lastsMs, undefined, { signal })
      await arbiter?.start()
    },
  },
  'arbiter-slow': asked('the arbiter is 500 ms away', 'calm', () => [
    [['arbiterA', 'arbiterB'], 'both', { delayMs: 500 }],
  ]),
  'arbiter-cut-standby': asked('the standby cannot reach the arbiter', 'calm', (sky) => [
    [[arbiterOf(otherOf(sky.primary))], 'both', { loss: 1 }],
  ]),
  'arbiter-cut-primary': asked('the primary cannot reach the arbiter', 'calm', (sky) => [
    [[arbiterOf(sky.primary)], 'both', { loss: 1 }],
  ]),
  'cut-slowly': asked(
    'nothing passes between the members, the arbiter is 500 ms away',
    'split',
    () => [
      [links, 'both', { loss: 1 }],
      [['arbiterA', 'arbiterB'], 'both', { delayMs: 500 }],
    ],
  ),
  'alone-standby': asked(
    'the standby reaches neither the other one nor the arbiter',
    'stay',
    (sky) => [
      [links, 'both', { loss: 1 }],
      [[arbiterOf(otherOf(sky.primary))], 'both', { loss: 1 }],
    ],
  ),
  'alone-primary': asked(
    'the primary reaches neither the other one nor the arbiter',
    'move',
    (sky) => [
      [links, 'both', { loss: 1 }],
      [[arbiterOf(sky.primary)], 'both', { loss: 1 }],
    ],
  ),
  'cut-all': asked('nobody reaches anybody', 'split', () => [
    [[...links, 'arbiterA', 'arbiterB'], 'both', { loss: 1 }],
  ]),
} satisfies Readonly<Record<string, Storm>>

export type StormName = keyof typeof storms

export const isStormName = (name: string): name is StormName => Object.hasOwn(storms, name)
export const stormNames = Object.keys(storms).filter(isStormName)

/** Whether there is nothing to strike without an arbiter. */
export function needsArbiter(name: StormName): boolean {
  const storm: Storm = storms[name]
  return storm.needsArbiter === true
}

/** One kind of weather for the whole time. */
function steady(
  words: string,
  allows: Allowance,
  of: (sky: Sky) => readonly [readonly Wire[], Way, Weather],
): Storm {
  return {
    words,
    allows,
    async blow(sky) {
      await sky.network.set(...of(sky))
      await sleep(sky.lastsMs, undefined, { signal: sky.signal })
      await sky.network.heal()
    },
  }
}

/** As `steady`, on several wires and with an arbiter. */
function asked(
  words: string,
  allows: Allowance,
  of: (sky: Sky) => readonly (readonly [readonly Wire[], Way, Weather])[],
): Storm {
  return {
    words,
    allows,
    needsArbiter: true,
    async blow(sky) {
      for (const each of of(sky)) await sky.network.set(...each)
      await sleep(sky.lastsMs, undefined, { signal: sky.signal })
      await sky.network.heal()
    },
  }
}

/** Away and there in turn. */
function flap(words: string, wiresOf: (sky: Sky) => readonly Wire[]): Storm {
  return {
    words,
    allows: 'resync',
    async blow(sky) {
      const { network, lastsMs, signal } = sky
      const wires = wiresOf(sky)
      for (let leftMs = lastsMs; leftMs > 0; leftMs -= 2 * flapMs) {
        await network.set(wires, 'both', { loss: 1 })
        await sleep(flapMs, undefined, { signal })
        await network.set(wires, 'both', {})
        await sleep(flapMs, undefined, { signal })
      }
    },
  }
}

function otherOf(member: 'a' | 'b'): 'a' | 'b' {
  return member === 'a' ? 'b' : 'a'
}

function arbiterOf(member: 'a' | 'b'): Wire {
  return member === 'a' ? 'arbiterA' : 'arbiterB'
}

function worldOf(member: 'a' | 'b'): Wire {
  return member === 'a' ? 'worldA' : 'worldB'
}
