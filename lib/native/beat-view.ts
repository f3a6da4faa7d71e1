/**
 * One look at the beat board: bytes that the beat thread wrote, as values.
 *
 * Where each field stands is told by the addon (`facts.board`), so that the layout is written once,
 * in C++. Whether the bytes are whole is seen to by `heartbeat.ts`.
 */

import { NativeError } from '../errors.js'
import type { BeatView } from '../runtime/ports-beats.js'
import type { Binding } from './binding.js'
import type { BoardFacts } from './binding-heartbeat.js'

const nanosPerMilli = 1e6

/** One whole look at the beat board. */
export interface HeartbeatView extends BeatView {
  /** The incarnation whose place a newer one has taken; 0n if none. */
  readonly goneIncarnation: bigint
  /** The first own beat after the thread last stood still; 0n without such a stall. */
  readonly stallSeq: bigint
  /** The 32 bytes of the other's counters. */
  readonly peerCounters: Uint8Array
  /** Refused packets by kind; `refused` is their sum. */
  readonly badMac: number
  readonly malformed: number
  readonly replayed: number
  readonly otherPair: number
  /** Connections closed because they had proved nothing when their time or place was over. */
  readonly unproved: number
  /** Which of the own keys the newest fresh beat bears: 1 or 2; 0 before. */
  readonly peerKey: number
  /** `host:port` where the last of all these came from; undefined before. */
  readonly strangerFrom: string | undefined
}

/** The values in `buffer`, a whole copy of the board. */
export function viewOf(binding: Binding, buffer: ArrayBuffer): HeartbeatView {
  const { board, presenceBytes, counterBytes } = binding.facts
  const data = new DataView(buffer)
  const u32 = (field: keyof BoardFacts) => data.getUint32(board[field], true)
  const u64 = (field: keyof BoardFacts) => data.getBigUint64(board[field], true)
  const count = (field: keyof BoardFacts) => Number(u64(field))
  const ms = (field: keyof BoardFacts) => count(field) / nanosPerMilli
  const bytes = (field: keyof BoardFacts, length: number) =>
    new Uint8Array(buffer.slice(board[field], board[field] + length))
  return {
    suspicion: suspicionOf(binding, u32('suspicion')),
    verdict: verdictOf(binding, u32('verdict')),
    verdictAtMs: ms('verdictAt'),
    peerIncarnation: u64('peerIncarnation'),
    goneIncarnation: u64('goneIncarnation'),
    answeredSeq: u64('answeredSeq'),
    ownSeq: u64('ownSeq'),
    heardAtMs: ms('heardAt'),
    presence: bytes('peerPresence', presenceBytes),
    peerCounters: bytes('peerCounters', counterBytes),
    peerVouchAgeMs: u32('peerVouchAge'),
    isPeerBusy: u32('peerBusy') !== 0,
    peerInFrame: count('peerInFrame'),
    renouncedNatively: u64('renouncedNatively'),
    stallCount: u32('stallCount'),
    stallSeq: u64('stallSeq'),
    gateLapses: count('gateLapses'),
    sameMember: count('sameMember'),
    badMac: count('badMac'),
    malformed: count('malformed'),
    replayed: count('replayed'),
    otherPair: count('otherPair'),
    unproved: count('unproved'),
    peerKey: count('peerKey'),
    strangerFrom: strangerIn(binding, data),
    refused: count('badMac') + count('malformed') + count('replayed') + count('otherPair'),
    roundTripMs: ms('roundTrip'),
    linksUp: u32('linksUp'),
  }
}

function strangerIn(binding: Binding, data: DataView): string | undefined {
  const { strangerFamily, strangerPort, strangerHost } = binding.facts.board
  const family = data.getUint32(strangerFamily, true)
  const port = data.getUint32(strangerPort, true)
  const at = (index: number) => data.getUint8(strangerHost + index)
  if (family === 4) return `${[0, 1, 2, 3].map(at).join('.')}:${port}`
  if (family !== 6) return undefined
  const groups = Array.from({ length: 8 }, (_, index) => data.getUint16(strangerHost + 2 * index))
  const host = groups.map((group) => group.toString(16)).join(':')
  return `${new URL(`tcp://[${host}]`).host}:${port}`
}

function suspicionOf(binding: Binding, code: number): BeatView['suspicion'] {
  const { unheard, alive, late, suspect } = binding.facts.suspicion
  switch (code) {
    case unheard:
      return 'unheard'
    case alive:
      return 'alive'
    case late:
      return 'late'
    case suspect:
      return 'suspect'
    default:
      throw unknownState('suspicion', code)
  }
}

function verdictOf(binding: Binding, code: number): BeatView['verdict'] {
  const { none, processGone, unreachable, hung } = binding.facts.verdict
  switch (code) {
    case none:
      return 'none'
    case processGone:
      return 'process-gone'
    case unreachable:
      return 'unreachable'
    case hung:
      return 'hung'
    default:
      throw unknownState('verdict', code)
  }
}

function unknownState(name: string, code: number): NativeError {
  return new NativeError('ERR_HOTPAIR_NATIVE', `the beat board shows the unknown ${name} ${code}`)
}
