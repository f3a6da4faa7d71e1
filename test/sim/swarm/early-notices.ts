/**
 * The canary that tells the standby of outputs as sent when they have only been begun: it rewrites
 * the progress messages of a primary on their way into the data connection.
 */

import type { Output } from '#lib/options.js'
import type { PeerLink } from '#lib/runtime/ports-peer.js'
import { crc32c } from '#lib/wire/crc32c.js'
import { type Message, type SentNotice, writeMessage } from '#lib/wire/message.js'
import { PacketDecoder, PacketWriter } from '#lib/wire/packet.js'
import { readMessage } from '#lib/wire/read-message.js'
import type { Wraps } from './trial.js'

const mostPacketBytes = 16_777_216

/** What was begun of one channel, by number. */
type Begun = Map<number, { readonly bytes: number; readonly digest: number }>

class EarlyNotices {
  readonly #begun = new Map<string, Begun>()
  /** Names of channels by their index, learnt from true notices. */
  readonly #names = new Map<number, string>()

  begin({ channel, number, digest, data }: Output): void {
    const begun = this.#begun.get(channel) ?? new Map()
    this.#begun.set(channel, begun.set(number, { bytes: data.length, digest }))
  }

  /** `message` with notices of what has only been begun. */
  rewrite(message: Message): Message {
    if (message.type !== 'progress') return message
    const last = new Map<number, SentNotice>()
    for (const notice of message.sent) last.set(notice.channel, notice)
    const sent = [...message.sent]
    for (const notice of last.values()) sent.push(...this.#following(notice))
    return { ...message, sent }
  }

  #following({ channel, number, digest }: SentNotice): readonly SentNotice[] {
    const name = this.#names.get(channel) ?? this.#find(number, digest)
    const begun = name === undefined ? undefined : this.#begun.get(name)
    if (name === undefined || begun === undefined) return []
    this.#names.set(channel, name)
    const more: SentNotice[] = []
    for (let next = number + 1; ; next += 1) {
      const found = begun.get(next)
      if (found === undefined) return more
      more.push({ channel, number: next, ...found })
    }
  }

  #find(number: number, digest: number): string | undefined {
    for (const [name, begun] of this.#begun) if (begun.get(number)?.digest === digest) return name
    return undefined
  }
}

export function early(): Wraps {
  const notices = { a: new EarlyNotices(), b: new EarlyNotices() }
  return {
    app: (app, member) => {
      notices[member.id] = new EarlyNotices()
      const own = notices[member.id]
      return {
        ...app,
        deliver: (output, context) => {
          own.begin({ ...output, digest: crc32c(output.data) })
          return app.deliver(output, context)
        },
      }
    },
    link: (link, id) => withWrite(link, (bytes) => rewritten(bytes, notices[id])),
  }
}

function rewritten(bytes: Uint8Array, notices: EarlyNotices): Uint8Array {
  const decoder = new PacketDecoder(mostPacketBytes)
  const writer = new PacketWriter(mostPacketBytes)
  decoder.push(bytes, (body) => {
    const message = readMessage(body)
    if (message) writeMessage(writer, notices.rewrite(message))
  })
  return writer.take()
}

function withWrite(link: PeerLink, change: (bytes: Uint8Array) => Uint8Array): PeerLink {
  return {
    address: link.address,
    hello: link.hello,
    get bufferedBytes() {
      return link.bufferedBytes
    },
    write: (bytes) => link.write(change(bytes)),
    readOut: (limitMs) => link.readOut(limitMs),
    openSide: (wish) => link.openSide(wish),
    close: (reason) => link.close(reason),
  }
}
