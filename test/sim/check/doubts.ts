/**
 * Exact knowledge after the death of a server whose unit lives: what it had sent is not sent again,
 * and in doubt is nothing but what it had begun and not sent.
 *
 * Knows when each `deliver` was called and when it resolved, and in whose process.
 */

import type { Output } from '#lib/options.js'
import type { TakeoverReport } from '#lib/runtime/ports-server.js'
import type { MemberId } from '#lib/units.js'
import { divergingChannel } from '../swarm/app.js'
import type { Findings } from './violation.js'

/** What is known of one channel. */
interface Channel {
  begun: number
  /** All up to it are sent. */
  sent: number
  /** Sent beyond it, because an earlier one is still under way. */
  readonly later: Set<number>
}

/** A takeover that must know exactly. */
interface Expected {
  readonly dead: string
  readonly heir: MemberId
  /** As it stood at the death, by history and channel. */
  readonly stood: ReadonlyMap<string, { readonly begun: number; readonly sent: number }>
}

export class DoubtCheck {
  readonly #findings: Findings
  readonly #channels = new Map<string, Channel>()
  #ruler: string | undefined
  /** Until it has been met. */
  #expected: Expected | undefined
  /** The last one that counts: nobody may begin again what was sent then. */
  #last: Expected | undefined
  /** Takeovers that were looked at. */
  met = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  begun({ history, channel: name, number }: Output): void {
    if (name === divergingChannel) return
    const channel = this.#channel(history, name)
    channel.begun = Math.max(channel.begun, number)
    const over = this.#last?.stood.get(`${history} ${name}`)?.sent ?? 0
    if (number > over) return
    const text = `${name} ${number} is sent again, though a unit knew that all up to ${over} were`
    this.#findings.report('S3', text)
  }

  /** From here on `by` rules: what others learn late of what they had begun, it does not know. */
  rules(by: string): void {
    this.#ruler = by
  }

  /** `deliver` has resolved in the process `by`, which lives. */
  sent(by: string, { history, channel: name, number }: Output): void {
    if (by !== this.#ruler) return
    const channel = this.#channel(history, name)
    channel.later.add(number)
    while (channel.later.delete(channel.sent + 1)) channel.sent += 1
  }

  /** `dead` dies now, alone, as primary of a pair that is whole, and its unit sees it. */
  expect(dead: string, heir: MemberId): void {
    const stood = new Map(
      [...this.#channels].map(([key, { begun, sent }]) => [key, { begun, sent }] as const),
    )
    this.#expected = { dead, heir, stood }
    this.#last = this.#expected
  }

  /** Something else has happened: whoever takes over may know less. */
  disturbed(): void {
    if (this.#expected !== undefined) this.#last = undefined
    this.#expected = undefined
  }

  takenOver(heir: MemberId, history: string, report: TakeoverReport): void {
    this.#compare(heir, history, report)
    this.#forget(history, report)
  }

  #compare(heir: MemberId, history: string, { inDoubt }: TakeoverReport): void {
    const expected = this.#expected
    this.#expected = undefined
    if (expected?.heir !== heir) return
    this.met += 1
    for (const { channel: name, number } of inDoubt) {
      if (name === divergingChannel) continue
      const { begun = 0, sent = 0 } = expected.stood.get(`${history} ${name}`) ?? {}
      if (number > sent && number <= begun) continue
      const text = `${name} ${number} is in doubt after ${expected.dead}, begun ${begun}, sent ${sent}`
      this.#findings.report('S3', text)
    }
  }

  /**
   * What is in doubt again was sent by one that died without a word of it: whoever dies next knows
   * only what it has sent itself.
   */
  #forget(history: string, { inDoubt }: TakeoverReport): void {
    for (const { channel: name, number } of inDoubt) {
      const channel = this.#channel(history, name)
      channel.sent = Math.min(channel.sent, number - 1)
      channel.later.delete(number)
    }
  }

  #channel(history: string, name: string): Channel {
    const key = `${history} ${name}`
    const known = this.#channels.get(key)
    if (known) return known
    const channel = { begun: 0, sent: 0, later: new Set<number>() }
    this.#channels.set(key, channel)
    return channel
  }
}
