/**
 * The port to the other member: one authenticated data link at a time, whole packets in both
 * directions.
 *
 * `lib/peer` implements it on TCP and TLS, `lib/testing` in memory. What stands behind a link has
 * proved the secret of the pair and agrees on version, pair and settings; what the packets mean is
 * not known here. Must stay types only.
 */

import type { ErrorCode } from '../errors.js'
import type { Incarnation, MemberId } from '../units.js'
import type { SideStream } from './ports-region.js'

/** What the other member has said about itself, already found to fit. */
export interface PeerHello {
  /** The newest protocol version that both speak. */
  readonly protocol: number
  readonly pair: string
  readonly member: MemberId
  readonly incarnation: Incarnation
  /** What must match on both members, key by key. */
  readonly settings: Readonly<Record<string, string>>
}

/** A side connection that is wanted beside a link, for the pages of one load. */
export interface SideWish {
  /** The number of the load. */
  readonly ask: number
  readonly end: 'sender' | 'receiver'
  /** It is there, and the owner's. */
  opened(side: SideStream): void
  /** It did not come up in time, or was refused. */
  failed(reason: string): void
}

/** One authenticated connection to the other member. */
export interface PeerLink {
  /** `host:port` of the other side of this connection. */
  readonly address: string
  readonly hello: PeerHello
  /**
   * Takes whole packets (`PacketWriter.take`); ownership of `bytes` passes. False above the
   * high-water mark: write no more than answers until `drained`. After the link is down it does
   * nothing and says true.
   */
  write(bytes: Uint8Array): boolean
  /** Bytes taken and not yet in the hands of the operating system. */
  readonly bufferedBytes: number
  /**
   * Reads out what has already arrived: resolves when the connection has ended, or when one full
   * turn of the event loop brought nothing more, or after `limitMs`; then the link is down. Packets
   * keep coming to `packet` until then; nothing is written any more. Used at takeover. Never
   * rejects.
   */
  readOut(limitMs: number): Promise<void>
  /**
   * Opens a side connection to the same process: both ends wish for it, whichever of them dials.
   * Takes the place of an earlier wish that was not fulfilled. Nothing is called within this call,
   * after the link is down, or once what it returns was called, which takes the wish back.
   */
  openSide(wish: SideWish): () => void
  /**
   * Takes the link down at once for this side; what was written is flushed behind it, for a short
   * while. Idempotent.
   */
  close(reason: string): void
}

/** Why somebody was not let in; worded so that it is true on both members. */
export interface PeerRefusal {
  readonly code: ErrorCode
  readonly message: string
  readonly address: string
}

/**
 * What the port tells its owner. All are called on the event loop, never during a call of `open`,
 * `dialNow` or `write`.
 */
export interface PeerHandlers {
  /** A link is up. The former one, if any, has been reported down before. */
  linkUp(link: PeerLink): void
  /**
   * One whole packet, type byte first. `body` is valid during the call only. Throw
   * `ERR_HOTPAIR_PEER_PROTOCOL` to have the link closed.
   */
  packet(link: PeerLink, body: Uint8Array): void
  /** All that was written has left; only after `write` has said false. */
  drained(link: PeerLink): void
  /**
   * Once for each `linkUp`; no packet of this link comes after it. Called within `close()` when
   * that is the reason.
   */
  linkDown(link: PeerLink, reason: string): void
  /**
   * Somebody was refused, or an address cannot be resolved: once, until it changes or a link was
   * up.
   */
  refused(refusal: PeerRefusal): void
}

/** What has happened since `open`, for status and metrics. */
export interface PeerCounters {
  readonly dials: number
  readonly dialFailures: number
  readonly accepted: number
  /** Links that came up. */
  readonly links: number
  /** Connections refused after they had spoken our protocol. */
  readonly refusals: number
  /**
   * Connections closed because they did not speak our protocol, or broke off in it, before they
   * were let in.
   */
  readonly strangers: number
  /** Connections that were not yet let in and made place for newer ones. */
  readonly evicted: number
  /** Links closed because the other member broke the protocol. */
  readonly protocolFaults: number
  readonly packetsReceived: number
  /** Side connections that came up. */
  readonly sides: number
}

/** The data connection of one member. */
export interface PeerPort {
  /**
   * Listens on this member's data addresses and, on member `b`, begins to dial. Rejects with
   * `ERR_HOTPAIR_ADDRESS_IN_USE`, `ERR_HOTPAIR_ADDRESS` or `ERR_HOTPAIR_CLOSED`; nothing is left
   * open then.
   */
  open(handlers: PeerHandlers): Promise<void>
  /**
   * The other member is known to be there: dial at once and forget the back-off. Does nothing while
   * a link is up or on the side that listens.
   */
  dialNow(): void
  counters(): PeerCounters
  /**
   * Takes the link down, stops listening and dialling; resolves when every socket is closed.
   * Idempotent.
   */
  close(): Promise<void>
}
