/**
 * A witness: the smallest third party that keeps the records of pairs, one file each.
 *
 * It listens, proves who asks, and hands questions to the pair's keeper; it decides nothing and
 * forgets nothing. Pairs do not see each other: a connection is of the pair whose key it has
 * proved. Every wait and every list is bounded. It must not know of processes or signals: that is
 * the command's matter.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { NativeError } from '../../errors.js'
import { type DataAddress, formatAddress } from '../../peer/address.js'
import type { ClockPort } from '../../runtime/ports-clock.js'
import type { Files } from '../../store/kept-file.js'
import { type ArbiterRecord, decodeRecord } from '../../wire/record.js'
import type { Reason } from '../../wire/witness.js'
import { Admission } from './admission.js'
import { Keeper } from './keeper.js'
import { PairKeys } from './secure.js'
import { Session, type SessionHost } from './session.js'

/** Not yet let in. As at the data port: the ninth puts the oldest out. */
const mostWaiting = 8

/** Of one member: its own, one that the network has not yet reported dead, and an operator's. */
const mostOfOneMember = 4

/** A pair as a witness knows it. */
export interface WitnessPair {
  readonly name: string
  /** The secret in use, and the next one while it is being changed; none on loopback only. */
  readonly secrets: readonly string[]
}

/** What a witness is made of. */
export interface WitnessParts {
  readonly clock: ClockPort
  readonly files: Files
  /** Where the files are; it is there and belongs to this process alone. */
  readonly folder: string
  readonly pairs: readonly WitnessPair[]
  readonly tell: (event: WitnessEvent) => void
}

/** What happens at a witness, for its operator. */
export type WitnessEvent =
  | { readonly type: 'record'; readonly pair: string; readonly record: ArbiterRecord }
  | {
      readonly type: 'member'
      readonly pair: string
      readonly member: 'a' | 'b'
      readonly address: string
      readonly isConnected: boolean
    }
  | ({ readonly type: 'refused'; readonly address: string } & Reason)
  /** The file of a pair is not understood: it is not served. */
  | ({ readonly type: 'unreadable'; readonly pair: string } & Reason)

interface Served {
  readonly keeper: Keeper
  /** In order of arrival. */
  readonly sessions: Set<Session>
}

export class Witness implements SessionHost {
  readonly clock: ClockPort
  readonly keys: PairKeys | undefined
  readonly #tell: (event: WitnessEvent) => void
  readonly #pairs = new Map<string, Served>()
  readonly #admission: Admission
  readonly #servers: Server[] = []
  readonly #waiting = new Set<Session>()
  readonly #pairOf = new Map<Session, string>()
  #isClosed = false

  constructor({ clock, files, folder, pairs, tell }: WitnessParts) {
    this.clock = clock
    this.#tell = tell
    this.#admission = new Admission(clock)
    const keys = new PairKeys()
    for (const { name, secrets } of pairs) {
      const keeper = new Keeper(files, folder, name, (record) => this.#changed(name, record))
      this.#pairs.set(name, { keeper, sessions: new Set() })
      keys.add(name, secrets)
    }
    this.keys = pairs.some(({ secrets }) => secrets.length > 0) ? keys : undefined
  }

  /** Where it listens, with the ports that the system chose where 0 was asked for. */
  get addresses(): DataAddress[] {
    return this.#servers.flatMap((server) => {
      const address = server.address()
      if (address === null || typeof address === 'string') return []
      return [{ host: address.address, port: address.port }]
    })
  }

  get connectionCount(): number {
    return this.#pairOf.size
  }

  /** Looks at every file, then listens. When it rejects, close it. */
  async open(addresses: readonly DataAddress[]): Promise<void> {
    for (const [pair, { keeper }] of this.#pairs) {
      await keeper.read().catch(({ code, message }: Reason) => {
        this.#tell({ type: 'unreadable', pair, code, message })
      })
    }
    for (const address of addresses) await this.#listen(address)
  }

  /** Turns everybody away; what was begun is written first. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    const closing = this.#servers.map((server) => new Promise((done) => server.close(done)))
    for (const session of [...this.#waiting, ...this.#pairOf.keys()]) session.close()
    await Promise.all([...this.#pairs.values()].map(({ keeper }) => keeper.idle()))
    await Promise.all(closing)
  }

  keeperOf(pair: string): Keeper | undefined {
    return this.#pairs.get(pair)?.keeper
  }

  admitted(session: Session, pair: string): void {
    this.#waiting.delete(session)
    const { sessions } = this.#pairs.get(pair) ?? { sessions: new Set<Session>() }
    const alike = [...sessions].filter(({ member }) => member === session.member)
    if (alike.length >= mostOfOneMember) alike[0]?.close()
    sessions.add(session)
    this.#pairOf.set(session, pair)
    this.#tellMember(session, pair, true)
  }

  ended(session: Session, reason: Reason | undefined): void {
    this.#waiting.delete(session)
    const pair = this.#pairOf.get(session)
    if (pair !== undefined) {
      this.#pairOf.delete(session)
      this.#pairs.get(pair)?.sessions.delete(session)
      this.#tellMember(session, pair, false)
    }
    if (reason !== undefined) {
      this.#tell({ type: 'refused', address: session.address, ...reason })
    }
  }

  #tellMember(session: Session, pair: string, isConnected: boolean): void {
    const { member, address } = session
    if (member !== undefined) this.#tell({ type: 'member', pair, member, address, isConnected })
  }

  #changed(pair: string, bytes: Uint8Array): void {
    for (const session of this.#pairs.get(pair)?.sessions ?? []) session.tell(bytes)
    const record = decodeRecord(bytes)
    if (record !== undefined) this.#tell({ type: 'record', pair, record })
  }

  #listen(address: DataAddress): Promise<void> {
    const server = createServer((socket) => this.#accept(socket))
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      // Once it listens, errors are of single connections that the system could not give us.
      server.on('error', (error) => reject(listenError(error, address)))
      server.listen({ host: address.host, port: address.port, exclusive: true }, resolve)
    })
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress
    if (this.#isClosed || address === undefined || !this.#admission.admits(address)) {
      socket.on('error', () => {}).destroy()
      return
    }
    const [oldest] = this.#waiting
    if (oldest !== undefined && this.#waiting.size >= mostWaiting) oldest.close()
    this.#waiting.add(new Session(socket, this))
  }
}

function listenError(error: NodeJS.ErrnoException, address: DataAddress): NativeError {
  const where = formatAddress(address)
  const isTaken = error.code === 'EADDRINUSE'
  const code = isTaken ? 'ERR_HOTPAIR_ADDRESS_IN_USE' : 'ERR_HOTPAIR_ADDRESS'
  const why = isTaken ? 'another process holds it' : error.message
  return new NativeError(code, `the witness cannot listen on ${where}: ${why}`, { cause: error })
}
