/**
 * Hosts on one machine: members a and b in a network namespace each, and the world.
 *
 *        link0, link1
 *      a ============ b        each line a wire of its own: what happens on it, and on which way,
 *       \            /         is told by `set` and `unplug`
 *   worldA\        /worldB
 *          (world)             this process: source, sink
 *
 * and where it is asked for a fourth, c, for an arbiter, which both reach under one address, each
 * by a wire of its own (arbiterA, arbiterB).
 *
 * Everything has this process's id in its name. It goes when the test ends, however it ends; what
 * a run has left that was killed is removed by the next one.
 */

import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { type Weather, Wires } from './wires.js'

export type { Weather } from './wires.js'

/** In the order in which the program knows them. */
const wireNames = ['link0', 'link1', 'worldA', 'worldB', 'arbiterA', 'arbiterB'] as const
export type Wire = (typeof wireNames)[number]
/** `there` is from a to b, and from a member to the world or the arbiter. */
export type Way = 'there' | 'back' | 'both'

export const links: readonly Wire[] = ['link0', 'link1']

const run = promisify(execFile)
/** No command here does more than change a table of the kernel. */
const timeout = 10_000
/** Pairs of hosts at once on one machine; each has a network of its own in 198.18.0.0/16. */
const slots = 64
/** In its namespace every member has the same ports. */
const port = 7400

/** Why there can be no namespaces here, or undefined. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  for (const [tool, flag] of [
    ['ip', '-V'],
    ['g++', '--version'],
  ] as const) {
    try {
      execFileSync(tool, [flag], { stdio: 'ignore', timeout })
    } catch {
      return `there is no ${tool}`
    }
  }
  return undefined
}

const open = new Set<Namespaces>()
process.on('exit', () => {
  for (const each of open) each.close()
})

export class Namespaces {
  readonly #wires: Wires
  readonly #slot: number
  readonly #hasArbiter: boolean
  readonly #names: { readonly a: string; readonly b: string; readonly c: string }

  private constructor(wires: Wires, slot: number, hasArbiter: boolean) {
    this.#wires = wires
    this.#slot = slot
    this.#hasArbiter = hasArbiter
    this.#names = { a: nameOf(slot, 'a'), b: nameOf(slot, 'b'), c: nameOf(slot, 'c') }
    open.add(this)
  }

  /** `seed` is that of the dice on the wires; `hasArbiter`: with the host c. */
  static async open(seed: number, hasArbiter = false): Promise<Namespaces> {
    await removeOfTheDead()
    for (let slot = 0; slot < slots; slot++) {
      const ends = devicesOf(slot)
      const wires = await Wires.open(seed, hasArbiter ? ends : ends.slice(0, 8))
      if (wires === undefined) continue
      const namespaces = new Namespaces(wires, slot, hasArbiter)
      try {
        await namespaces.#build()
        return namespaces
      } catch (error) {
        namespaces.close()
        throw error
      }
    }
    throw new Error(`no network device could be made, or all ${slots} places are taken`)
  }

  /** The address under which the world is reached from both. */
  get world(): string {
    return this.#address(1)
  }

  /** Where the world reaches a member. */
  hostOf(member: 'a' | 'b'): string {
    return this.#address(member === 'a' ? 2 : 6)
  }

  /** Where both members reach the host c. */
  get arbiter(): string {
    return this.#address(30)
  }

  /** `host:port` of both links, as members are configured. */
  get members(): { readonly a: readonly string[]; readonly b: readonly string[] } {
    const at = (last: number) => `${this.#address(last)}:${port}`
    return { a: [at(9), at(13)], b: [at(10), at(14)] }
  }

  /** Which link it is that leads to this address, `host:port`, of a or b. */
  linkTo(address: string): Wire | undefined {
    const last = Number(/\.(\d+):\d+$/.exec(address)?.[1])
    if (last === 9 || last === 10) return 'link0'
    return last === 13 || last === 14 ? 'link1' : undefined
  }

  /** The command before the command of a process that is to live there. */
  get launch(): Readonly<Record<'a' | 'b' | 'c', readonly string[]>> {
    const into = (name: string) => ['ip', 'netns', 'exec', name]
    return { a: into(this.#names.a), b: into(this.#names.b), c: into(this.#names.c) }
  }

  /** Replaces what happens to packets on the wires. */
  async set(wires: readonly Wire[], way: Way, weather: Weather): Promise<void> {
    for (const wire of wires) {
      const index = wireNames.indexOf(wire)
      if (way !== 'back') await this.#wires.set(index, 0, weather)
      if (way !== 'there') await this.#wires.set(index, 1, weather)
    }
  }

  /** Takes the links down at both ends, as both hosts see it when a cable is pulled. */
  async unplug(wires: readonly Wire[]): Promise<void> {
    await Promise.all(wires.map((wire) => this.#setDevice(wire, 'down')))
  }

  /** Every wire is whole again. */
  async heal(): Promise<void> {
    await this.set(this.#hasArbiter ? wireNames : wireNames.slice(0, 4), 'both', {})
    await Promise.all(links.map((wire) => this.#setDevice(wire, 'up')))
  }

  /** Takes everything away. The processes inside must have ended. */
  close(): void {
    if (!open.delete(this)) return
    this.#wires.end()
    for (const name of Object.values(this.#names)) {
      try {
        execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore', timeout })
      } catch {
        // It was never made.
      }
    }
  }

  #address(last: number): string {
    return `198.18.${this.#slot}.${last}`
  }

  async #setDevice(wire: Wire, state: 'up' | 'down'): Promise<void> {
    for (const name of [this.#names.a, this.#names.b]) {
      await ip('-n', name, 'link', 'set', wire, state)
    }
  }

  async #build(): Promise<void> {
    const { a, b } = this.#names
    for (const name of [a, b]) {
      await ip('netns', 'add', name)
      await ip('-n', name, 'link', 'set', 'lo', 'up')
    }
    const [link0a, link0b, link1a, link1b, memberA, worldA, memberB, worldB] = devicesOf(this.#slot)
    await this.#place({ device: link0a, in: a, as: 'link0', own: 9, other: 10 })
    await this.#place({ device: link0b, in: b, as: 'link0', own: 10, other: 9 })
    await this.#place({ device: link1a, in: a, as: 'link1', own: 13, other: 14 })
    await this.#place({ device: link1b, in: b, as: 'link1', own: 14, other: 13 })
    await this.#place({ device: memberA, in: a, as: 'world', own: 2, other: 1 })
    await this.#place({ device: memberB, in: b, as: 'world', own: 6, other: 1 })
    await this.#place({ device: worldA, own: 1, other: 2 })
    await this.#place({ device: worldB, own: 1, other: 6 })
    if (this.#hasArbiter) await this.#buildArbiter()
  }

  async #buildArbiter(): Promise<void> {
    const { a, b, c } = this.#names
    await ip('netns', 'add', c)
    await ip('-n', c, 'link', 'set', 'lo', 'up')
    await ip('-n', c, 'address', 'add', `${this.arbiter}/32`, 'dev', 'lo')
    const [, , , , , , , , memberA, arbiterA, memberB, arbiterB] = devicesOf(this.#slot)
    await this.#place({ device: memberA, in: a, as: 'arbiter', own: 17, other: 18 })
    await this.#place({ device: arbiterA, in: c, as: 'memberA', own: 18, other: 17 })
    await this.#place({ device: memberB, in: b, as: 'arbiter', own: 21, other: 22 })
    await this.#place({ device: arbiterB, in: c, as: 'memberB', own: 22, other: 21 })
    for (const name of [a, b]) {
      await ip('-n', name, 'route', 'add', `${this.arbiter}/32`, 'dev', 'arbiter')
    }
  }

  // Moves an end to where it belongs, if not here, and gives it both addresses of its wire.
  async #place(end: End): Promise<void> {
    const { device, in: namespace, as: name = device, own, other } = end
    const there = namespace === undefined ? [] : ['-n', namespace]
    if (namespace !== undefined) {
      await ip('link', 'set', device, 'netns', namespace, 'name', name)
    }
    const addresses = [this.#address(own), 'peer', this.#address(other)]
    await ip(...there, 'address', 'add', ...addresses, 'dev', name)
    await ip(...there, 'link', 'set', name, 'up')
  }
}

// One end of a wire: the device, the namespace it belongs to and its name there, and the last
// numbers of the addresses at both ends.
interface End {
  readonly device: string
  readonly in?: string
  readonly as?: string
  readonly own: number
  readonly other: number
}

async function ip(...words: readonly string[]): Promise<string> {
  const { stdout } = await run('ip', words, { timeout })
  return stdout
}

type Two = readonly [string, string]
type Ends = readonly [...Two, ...Two, ...Two, ...Two, ...Two, ...Two]

// Both ends of each wire, as long as all of them are here.
function devicesOf(slot: number): Ends {
  const end = (name: string) => `hotp${slot}${name}`
  return [
    ...([end('l0a'), end('l0b'), end('l1a'), end('l1b')] as const),
    ...([end('ma'), end('wa'), end('mb'), end('wb')] as const),
    ...([end('aa'), end('ca'), end('ab'), end('cb')] as const),
  ]
}

function nameOf(slot: number, member: 'a' | 'b' | 'c'): string {
  return `hotpair-${process.pid}-${slot}-${member}`
}

// What a run has left that could not clean up: its namespaces, and the processes in them, which a
// signal may have stopped for ever.
async function removeOfTheDead(): Promise<void> {
  const list = await ip('netns', 'list')
  for (const [name, pid] of list.matchAll(/^hotpair-(\d+)-\d+-[abc]/gm)) {
    if (existsSync(`/proc/${pid}`)) continue
    const inside = await ip('netns', 'pids', name).catch(() => '')
    for (const left of inside.split('\n').filter((line) => line !== '')) kill(Number(left))
    // Another test that begins at this moment may have been faster.
    await ip('netns', 'del', name).catch(() => '')
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
