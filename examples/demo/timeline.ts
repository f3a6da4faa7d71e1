/**
 * The timeline: what happened, in the order it was learned, for a person to follow.
 *
 * It only prints and counts; nothing is decided by it. Times are seconds since both members were
 * started. What a member tells is printed with the moment at which it happened there.
 */

import type { Happening } from './members.js'

export type Print = (line: string) => void

export class Timeline {
  readonly #print: Print
  readonly #startedAt = Date.now()

  constructor(print: Print) {
    this.#print = print
    print('     time  who     what')
  }

  /** One line; `at` is milliseconds since the epoch. */
  tell(who: string, what: string, at: number = Date.now()): void {
    const seconds = ((at - this.#startedAt) / 1000).toFixed(3).padStart(7)
    this.#print(`${seconds} s  ${who.padEnd(6)}  ${what}`)
  }

  /** What a member has reported, as a sentence. */
  happening(member: string, happening: Happening): void {
    const what = sentence(happening)
    if (what === undefined || happening.type === 'parked') return
    this.tell(member, what, happening.at)
  }
}

function sentence(happening: Happening): string | undefined {
  switch (happening.type) {
    case 'parked':
      return undefined
    case 'role': {
      const { role, epoch, cause } = happening
      return role === 'primary' ? `PRIMARY of epoch ${epoch} (${cause})` : `${role} (${cause})`
    }
    case 'mode':
      return `mode ${happening.mode}: ${modeWords[happening.mode]}`
    case 'verdict': {
      const { verdict, silenceMs } = happening
      const silence = `${silenceMs.toFixed(1)} ms after it was last heard`
      return `finds the other ${verdict}, ${silence}`
    }
    case 'takeover': {
      const { epoch, frameNo, inDoubt, tookMs } = happening
      const took = `${tookMs.toFixed(1)} ms after the finding`
      return `takes over at frame ${frameNo} as epoch ${epoch}, ${took}; ${inDoubt.length} in doubt`
    }
    case 'switchover': {
      const { epoch, tookMs } = happening
      return `has handed over: the other rules as epoch ${epoch} after ${tookMs.toFixed(1)} ms`
    }
    case 'skipped':
      return `leaves out frame ${happening.frameNo}, inside which the other hung`
    case 'switchover-refused':
      return `could not hand over: ${happening.code} ${happening.message}`
    case 'unit':
      return happening.place === 'process'
        ? `its unit is process ${happening.pid}`
        : 'beats by itself'
    case 'link':
      return happening.up
        ? `link to ${happening.address} is up`
        : `link is down: ${happening.reason}`
    case 'trouble':
      return `${happening.code} ${happening.message}`
    case 'exit':
      return `process ended: ${happening.how}`
  }
}

const modeWords = {
  solo: 'alone, sends by itself',
  paired: 'the other may take over',
  waiting: 'sends nothing for the moment',
}
