/**
 * The messages of the data link: frames, acknowledgements, notices, loads; what they are and how
 * they are written. `read-message.ts` reads them.
 *
 * Each message names the reign in which it was sent, and a receiver refuses those of a lower one.
 * Numbers of frames, outputs and reigns are u48; stamps are f64 milliseconds. Fields stand in the
 * order of the interfaces below; docs/PROTOCOL.md has the table. Pure: values to bytes.
 */

import type { Epoch, HistoryId, Incarnation } from '../units.js'
import type { PacketWriter } from './packet.js'
import { historyToBytes } from './presence.js'

/** Type bytes, from `firstLinkType` on. Appended only: no number gets another meaning. */
export const messageType = {
  frame: 16,
  acknowledge: 17,
  progress: 18,
  askLoad: 19,
  beginLoad: 20,
  chunk: 21,
  refuseLoad: 22,
  inSync: 23,
  askResume: 24,
  resume: 25,
  refuseResume: 26,
  forward: 27,
  refuseForward: 28,
  digest: 29,
  handOver: 30,
  beginPages: 31,
} as const

/** Longest code or sentence in a refusal, in bytes. */
export const reasonBytes = 1_024

/**
 * What a frame is, by the byte on the wire: an input; a timer of the program that is due; an input
 * that keeps its number and is not processed. Appended only.
 */
export const frameKinds = ['input', 'timer', 'skip'] as const
export type FrameKind = (typeof frameKinds)[number]

/** One frame on its way to the standby. */
export interface FrameMessage {
  readonly type: 'frame'
  readonly epoch: Epoch
  readonly frameNo: number
  readonly stamp: number
  readonly kind: FrameKind
  /** The source of an input, empty without (source, seq); the name of a timer. */
  readonly source: string
  /** The number of an input within its source; of a timer, which setting of it is due. */
  readonly seq: number
  /** A view of the packet: copy what is kept. */
  readonly data: Uint8Array
}

/** The standby holds all frames up to `frameNo` and all progress up to `progressNo`. */
export interface AcknowledgeMessage {
  readonly type: 'acknowledge'
  readonly epoch: Epoch
  readonly frameNo: number
  readonly progressNo: number
}

/** One output that was sent. */
export interface SentNotice {
  readonly channel: number
  readonly number: number
  readonly bytes: number
  /** CRC-32C. */
  readonly digest: number
}

/**
 * The primary has processed all up to `done`, and sent the outputs listed since the last progress.
 */
export interface ProgressMessage {
  readonly type: 'progress'
  readonly epoch: Epoch
  /** Counted from 1 within a link, without gaps. */
  readonly progressNo: number
  readonly done: number
  readonly sent: readonly SentNotice[]
}

/**
 * A load of `imageBytes` as of `frameNo` follows in chunks, then every frame from `frameNo` + 1 on.
 */
export interface BeginLoadMessage {
  readonly type: 'begin-load'
  readonly epoch: Epoch
  readonly history: HistoryId
  readonly frameNo: number
  readonly imageBytes: number
  /** The number of the ask that it answers. */
  readonly ask: number
}

/** A part of the image, with its place and checksum before it. */
export interface ChunkMessage {
  readonly type: 'chunk'
  /** A view of the packet: copy what is kept. */
  readonly bytes: Uint8Array
}

export type Message =
  | FrameMessage
  | AcknowledgeMessage
  | ProgressMessage
  /** `ask`: counted by the one that asks; the load that answers bears the same number. */
  /** `highest`: the highest reign that the sender may have used, or knows of. */
  | { readonly type: 'ask-load'; readonly ask: number; readonly highest: Epoch }
  /**
   * The answer to `ask` begins with the pages of a region, on a side connection of that number
   * (docs/PROTOCOL.md#19); `begin-load` follows when all of them have arrived.
   */
  | { readonly type: 'begin-pages'; readonly ask: number }
  | BeginLoadMessage
  | ChunkMessage
  /** No load in answer to `ask`, or no tail to it any more. */
  | { readonly type: 'refuse-load'; readonly ask: number; readonly reason: string }
  | { readonly type: 'in-sync'; readonly epoch: Epoch; readonly incarnation: Incarnation }
  /** The standby holds all up to `frameNo` of this reign and would go on from there. */
  | {
      readonly type: 'ask-resume'
      readonly epoch: Epoch
      readonly history: HistoryId
      readonly frameNo: number
    }
  /** Frames from `frameNo` + 1 on follow; progress is counted anew. */
  | { readonly type: 'resume'; readonly epoch: Epoch; readonly frameNo: number }
  | { readonly type: 'refuse-resume' }
  /** After `frameNo` the state has this digest; said before the mirror may process that frame. */
  | {
      readonly type: 'digest'
      readonly epoch: Epoch
      readonly frameNo: number
      readonly digest: bigint
    }
  /** An input that only the standby was given. */
  | {
      readonly type: 'forward'
      readonly source: string
      readonly seq: number
      readonly data: Uint8Array
    }
  | {
      readonly type: 'refuse-forward'
      readonly source: string
      readonly seq: number
      readonly code: string
      /** The number that the source must send next; 0 when that is not the reason. */
      readonly expected: number
    }
  | HandOverMessage

/** The primary gives its rule away: the last of its reign (docs/PROTOCOL.md#17). */
export interface HandOverMessage {
  readonly type: 'hand-over'
  /** The reign that ends. */
  readonly former: Epoch
  /** The reign that begins with whoever reads this. */
  readonly epoch: Epoch
  readonly history: HistoryId
  /** Last frame of the reign that ends. */
  readonly frameNo: number
  /** Outputs of all channels up to there; every one is sent. */
  readonly outputs: number
  /** The newest ask for a load of the one that gives the rule away and follows. */
  readonly ask: number
}

/** Puts one message into `to`. Throws a RangeError when it is over the writer's limit. */
export function writeMessage(to: PacketWriter, message: Message): void {
  switch (message.type) {
    case 'frame':
      writeFrame(to, message.epoch, message)
      return
    case 'acknowledge':
      to.begin(messageType.acknowledge).u48(message.epoch)
      to.u48(message.frameNo).u48(message.progressNo).end()
      return
    case 'progress':
      writeProgress(to, message)
      return
    case 'ask-load':
      to.begin(messageType.askLoad).u48(message.ask).u48(message.highest).end()
      return
    case 'begin-pages':
      to.begin(messageType.beginPages).u48(message.ask).end()
      return
    case 'begin-load':
      to.begin(messageType.beginLoad).u48(message.epoch).raw(historyToBytes(message.history))
      to.u48(message.frameNo).u48(message.imageBytes).u48(message.ask).end()
      return
    case 'chunk':
      to.begin(messageType.chunk).raw(message.bytes).end()
      return
    case 'refuse-load':
      to.begin(messageType.refuseLoad)
        .u48(message.ask)
        .string(message.reason.slice(0, reasonBytes / 4))
        .end()
      return
    case 'in-sync':
      to.begin(messageType.inSync).u48(message.epoch).u64(message.incarnation).end()
      return
    case 'ask-resume':
      to.begin(messageType.askResume).u48(message.epoch)
      to.raw(historyToBytes(message.history)).u48(message.frameNo).end()
      return
    case 'resume':
      to.begin(messageType.resume).u48(message.epoch).u48(message.frameNo).end()
      return
    case 'refuse-resume':
      to.begin(messageType.refuseResume).end()
      return
    case 'digest':
      to.begin(messageType.digest).u48(message.epoch).u48(message.frameNo)
      to.u64(message.digest).end()
      return
    case 'forward':
      to.begin(messageType.forward).string(message.source).u48(message.seq)
      to.raw(message.data).end()
      return
    case 'hand-over':
      to.begin(messageType.handOver).u48(message.former).u48(message.epoch)
      to.raw(historyToBytes(message.history)).u48(message.frameNo)
      to.u48(message.outputs).u48(message.ask).end()
      return
    case 'refuse-forward':
      to.begin(messageType.refuseForward).string(message.source).u48(message.seq)
      to.string(message.code).u48(message.expected).end()
      return
  }
}

/** Puts a frame into `to` without a message around it: this is done for every input. */
export function writeFrame(
  to: PacketWriter,
  epoch: Epoch,
  frame: Omit<FrameMessage, 'type' | 'epoch'>,
): void {
  to.begin(messageType.frame).u48(epoch).u48(frame.frameNo).f64(frame.stamp)
  to.u8(frameKinds.indexOf(frame.kind))
  to.string(frame.source).u48(frame.seq).raw(frame.data).end()
}

function writeProgress(to: PacketWriter, message: ProgressMessage): void {
  to.begin(messageType.progress).u48(message.epoch).u48(message.progressNo).u48(message.done)
  to.u32(message.sent.length)
  for (const { channel, number, bytes, digest } of message.sent) {
    to.u16(channel).u48(number).u32(bytes).u32(digest)
  }
  to.end()
}
