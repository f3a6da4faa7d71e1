/**
 * The primary's end of the link: loads on request, resumption, pairing, inputs that the other
 * forwards.
 *
 * One mirror at a time. What it holds is known by its acknowledgements alone; what follows from
 * that is the rules' to decide. A state that cannot be cloned is refused with its reason, never
 * half sent.
 */

import { asPairError, InputError } from '../errors.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { SnapshotPort } from '../runtime/ports-outbox.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { RegionPort, RegionProgress } from '../runtime/ports-region.js'
import type { FeedingPort, ServerEvents } from '../runtime/ports-server.js'
import { Feed } from '../sync/feed.js'
import type { FeedHandlers, LoadBasis } from '../sync/feed-handlers.js'
import { type Epoch, elapsed, type Incarnation } from '../units.js'
import { chunkBytes } from '../wire/limits.js'
import { type AcknowledgeMessage, type Message, writeMessage } from '../wire/message.js'
import { PacketWriter } from '../wire/packet.js'
import type { Delivery } from './delivery.js'
import { sealImage } from './holding.js'
import { PagesOut } from './pages-out.js'
import type { Replica } from './replica.js'
import type { Ruling } from './ruling.js'

export interface FeedingOptions {
  readonly clock: ClockPort
  readonly snapshot: SnapshotPort
  /** Where a shared state lies. */
  readonly region: RegionPort | undefined
  /** Longest packet body that the other side takes. */
  readonly packetBytes: number
}

export class Feeding<State> implements FeedingPort {
  readonly #replica: Replica<State>
  readonly #ruling: Ruling<State>
  readonly #delivery: Delivery
  readonly #options: FeedingOptions
  readonly #events: ServerEvents
  readonly #writer: PacketWriter
  #link: PeerLink | undefined
  /** The newest question for a load that is not answered yet. */
  #ask: number | undefined
  /** From which frame on the mirror would go on; set while `resume-asked` is decided. */
  #resumeFrom: number | undefined
  /** Of a shared state, on their way before the load. */
  #pages: PagesOut | undefined

  constructor(
    parts: {
      readonly replica: Replica<State>
      readonly ruling: Ruling<State>
      readonly delivery: Delivery
    },
    options: FeedingOptions,
    events: ServerEvents,
  ) {
    this.#replica = parts.replica
    this.#ruling = parts.ruling
    this.#delivery = parts.delivery
    this.#options = options
    this.#events = events
    this.#writer = new PacketWriter(options.packetBytes)
  }

  attach(link: PeerLink): void {
    this.#link = link
  }

  detach(): void {
    this.#link = undefined
    this.#ask = undefined
    this.endPages()
    this.#ruling.feed?.detach()
  }

  drained(): void {
    this.#ruling.feed?.drained()
  }

  sendLoad(to: Incarnation): void {
    const link = this.#link
    const ask = this.#ask
    const { epoch } = this.#ruling
    if (link?.hello.incarnation !== to || epoch === undefined || ask === undefined) return
    const { region } = this.#options
    this.endPages()
    this.#ask = undefined
    if (region !== undefined) return this.#sendPages(region, link, ask)
    const image = this.#image(epoch, ask)
    if (image !== undefined) this.#begin(this.#feedTo(to, { ask, epoch }), link, image)
  }

  /**
   * The pages of a shared state first. The load is of the moment at which the last of them are
   * taken; it begins when they have arrived.
   */
  #sendPages(region: RegionPort, link: PeerLink, ask: number): void {
    const to = link.hello.incarnation
    let load: { readonly feed: Feed; readonly image: Uint8Array } | undefined
    this.send({ type: 'begin-pages', ask })
    this.#pages = new PagesOut(region, link, ask, {
      blocking: (run) => this.#replica.blocking(run),
      taken: () => {
        const { epoch } = this.#ruling
        const image = epoch && this.#image(epoch, ask)
        if (!image) return this.endPages()
        this.#replica.markEqual(epoch)
        load = { feed: this.#feedTo(to, { ask, epoch }), image }
      },
      arrived: (digest) => {
        this.endPages()
        // Given up meanwhile, it has been said so.
        if (load === undefined || load.feed !== this.#ruling.feed) return
        this.#begin(load.feed, link, sealImage(load.image, digest))
      },
      failed: (reason) => {
        this.endPages()
        this.#refuse(ask, reason)
        if (load !== undefined && load.feed === this.#ruling.feed) this.#ruling.dropFeed()
      },
    })
  }

  /** From the next frame on, all goes to `to` too. */
  #feedTo(to: Incarnation, { ask, epoch }: Omit<LoadBasis, 'frameNo'>): Feed {
    const { frameNo } = this.#replica
    const { packetBytes } = this.#options
    const feed = new Feed(to, { ask, epoch, frameNo }, packetBytes, this.#feedHandlers(to))
    this.#delivery.noticeAll()
    this.#ruling.feedWith(feed)
    return feed
  }

  #begin(feed: Feed, link: PeerLink, image: Uint8Array): void {
    const { history } = this.#replica
    const chunks = this.#options.snapshot.cut(image, chunkBytes)
    feed.begin(link, { history, imageBytes: image.length }, chunks)
  }

  /** How far the pages of a shared state are; undefined: none are on their way. */
  get progress(): RegionProgress | undefined {
    return this.#pages?.progress
  }

  /** No page of a shared state is sent any more. */
  endPages(): void {
    this.#pages?.cancel()
    this.#pages = undefined
  }

  /**
   * Goes on with a mirror that holds all up to `basis.frameNo`: it handed its rule over, and needs
   * no load. Without a link to it, it will ask to resume.
   */
  takeOn(mirror: Incarnation, basis: LoadBasis): void {
    const feed = new Feed(mirror, basis, this.#options.packetBytes, this.#feedHandlers(mirror))
    this.#delivery.noticeAll()
    this.#ruling.feedWith(feed)
    const link = this.#link
    if (link?.hello.incarnation === mirror) feed.resume(link, basis.frameNo)
  }

  postponeLoad(): void {
    if (this.#ask !== undefined) this.#refuse(this.#ask, 'not at the moment')
    this.#ask = undefined
  }

  resumeFeed(to: Incarnation): void {
    const { feed } = this.#ruling
    const from = this.#resumeFrom
    if (feed?.mirror !== to || this.#link === undefined || from === undefined) return
    if (!feed.resume(this.#link, from)) this.refuseResume()
  }

  refuseResume(): void {
    this.send({ type: 'refuse-resume' })
  }

  dropFeed(): void {
    this.#endFeed('this load and what follows it have ended: ask again')
  }

  hold(): void {
    this.#ruling.hold()
  }

  release(): void {
    this.#ruling.release()
  }

  tellInSync(epoch: Epoch): void {
    this.#ruling.feed?.tellInSync(epoch)
  }

  /** A mirror that loads takes the tail too slowly: its load is given up. */
  overflow(): void {
    this.#endFeed('the tail grew over the bound before the load was in place')
  }

  /** False when the message does not fit; undefined when it is not for a primary. */
  onMessage(message: Message, from: Incarnation): boolean | undefined {
    switch (message.type) {
      case 'ask-load':
        this.#ask = message.ask
        this.#events.loadAsked(from, message.highest)
        return true
      case 'ask-resume':
        this.#resumeFrom = message.frameNo
        this.#events.resumeAsked(from, message.epoch, message.history)
        return true
      case 'acknowledge':
        return this.#acknowledged(message)
      case 'forward':
        this.#takeForwarded(message)
        return true
      default:
        return undefined
    }
  }

  #acknowledged(message: AcknowledgeMessage): boolean {
    const isFine = this.#ruling.feed?.onAcknowledge(message, this.#options.clock.now()) ?? true
    this.#ruling.settling.check()
    return isFine
  }

  #image(epoch: Epoch, ask: number): Uint8Array | undefined {
    try {
      const { clock } = this.#options
      const begun = clock.now()
      // Timers count by pair time: it goes on where no frame does.
      this.#replica.clock.stamp(begun, clock.wall())
      const image = this.#replica.image(epoch, (channel) => this.#delivery.pending(channel))
      // About half of it went into the digest.
      this.#replica.digestMs = elapsed(begun, clock.now()) / 2
      return image
    } catch (error) {
      const fault = asPairError(error, 'ERR_HOTPAIR_STATE')
      this.#events.fault(fault)
      this.#refuse(ask, fault.message)
      return undefined
    }
  }

  #refuse(ask: number, reason: string): void {
    this.send({ type: 'refuse-load', ask, reason })
  }

  /** A mirror that is left without a word would wait for frames for ever. */
  #endFeed(reason: string): void {
    const { feed } = this.#ruling
    const ask = this.#pages?.ask
    this.endPages()
    if (feed === undefined) {
      if (ask !== undefined) this.#refuse(ask, reason)
      return
    }
    const isLinked = this.#link?.hello.incarnation === feed.mirror
    if (isLinked) this.send({ type: 'refuse-load', ask: feed.ask, reason })
    this.#ruling.dropFeed()
  }

  #feedHandlers(mirror: Incarnation): FeedHandlers {
    return {
      acknowledged: (frameNo) => this.#ruling.acknowledged(frameNo),
      noticed: (index, number) => {
        const channel = this.#replica.ledger.channels.at(index)
        if (channel) this.#delivery.notice(channel, number)
      },
      near: () => this.#events.near(mirror),
      covered: () => this.#events.covered(mirror),
    }
  }

  #takeForwarded({ source, seq, data }: Extract<Message, { type: 'forward' }>): void {
    if (!this.#ruling.isRuling) return
    const reject = (error: Error) => {
      // Only a gap is the sender's to mend; for anything else the other member keeps its copy.
      if (!(error instanceof InputError) || error.expectedSeq === undefined) return
      const { code, expectedSeq: expected } = error
      this.send({ type: 'refuse-forward', source, seq, code, expected })
    }
    const answer = { resolve: () => {}, reject }
    this.#ruling.take({ data: new Uint8Array(data), source, seq, answer })
  }

  /** Says one thing to the other member, if there is a link. */
  send(message: Message): void {
    if (this.#link === undefined) return
    writeMessage(this.#writer, message)
    this.#link.write(this.#writer.take())
  }
}
