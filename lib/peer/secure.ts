/**
 * TLS 1.3 with the secret of the pair as an external pre-shared key: no certificates, no clocks,
 * forward secrecy.
 *
 * The handshake proves the secret in both directions and cannot be replayed; who fails it learns
 * nothing but that somebody speaks TLS here. The key is derived with the name of the pair as salt,
 * so one secret used for two pairs gives two keys. Whoever answers with a certificate instead of
 * the key is refused, whoever signed it. There is no renegotiation and no early data.
 *
 * A member may have two secrets, while the pair goes from one to the other: the one that is dialled
 * takes either, and who dials offers the other one where the first is refused.
 */

import { hkdfSync, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
} from 'node:tls'

// Names the use of the key, and by a digest which key: that tells a listener with two of them which
// one to take, and who listens on the wire that it is another one than before.
const use = 'hotpair data 1'

// The hash of the suite must be SHA-256, the one that an external key is bound to by default; of
// the suites with it, AES is the one that processors have instructions for.
const suite: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
}

/** What a context of either end is made of: no authority is trusted, so only a key can pass. */
export const alone: SecureContextOptions = { ...suite, ca: [] }

/** A secret as both ends of a connection use it. */
interface PairKey {
  readonly identity: string
  readonly psk: Buffer
}

/** Security by the secrets of the pair, one or two. */
export class Security {
  readonly keys: readonly PairKey[]
  readonly context: SecureContext
  #offered = 0

  constructor(secrets: readonly string[], pair: string) {
    this.keys = secrets.map((secret) => keyOf(secret, pair))
    this.context = createSecureContext(alone)
  }

  /** Which of the secrets is offered by who dials. */
  get offered(): number {
    return this.#offered
  }

  /** It was refused: the next one is offered. */
  turn(): void {
    this.#offered = (this.#offered + 1) % this.keys.length
  }
}

function keyOf(secret: string, pair: string): PairKey {
  const derive = (what: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, pair, what, length))
  const name = derive('hotpair key name 1', 8).toString('hex')
  return { identity: `${use} ${name}`, psk: derive(use, 32) }
}

/**
 * How securing a connection ends: the secured socket, or why not. `wrong-secret`: the other side
 * tried our kind of key and it was not ours; `ended`: the connection broke off; `not-ours`:
 * anything else.
 */
export type SecureOutcome = TLSSocket | Unsecured
type Unsecured = 'wrong-secret' | 'ended' | 'not-ours'

/** A secured connection, and which of the own secrets has secured it, from 0. */
export interface Secured {
  readonly socket: TLSSocket
  readonly secret: number
}

/** Secures `raw` as the side that was dialled. Calls `done` once. */
export function secureAsListener(
  raw: Socket,
  security: Security,
  done: (outcome: Secured | Unsecured) => void,
): void {
  let hasOfferedKey = false
  let secret = 0
  const options = {
    isServer: true,
    secureContext: security.context,
    pskCallback: (_: TLSSocket, offered: string): Buffer | null => {
      hasOfferedKey = offered.startsWith(use)
      secret = security.keys.findIndex(({ identity }) => identity === offered)
      // A key that nobody has: it is refused as a wrong one of a known name would be.
      return security.keys[secret]?.psk ?? (hasOfferedKey ? randomBytes(32) : null)
    },
  }
  const isWrongSecret = (code: string): boolean => hasOfferedKey && code === wrongBinder
  settleSecure(new TLSSocket(raw, options), 'secure', isWrongSecret, (outcome) =>
    done(typeof outcome === 'string' ? outcome : { socket: outcome, secret }),
  )
}

/** Secures `raw` as the side that dials. Calls `done` once. */
export function secureAsDialer(
  raw: Socket,
  security: Security,
  done: (outcome: Secured | Unsecured) => void,
): void {
  const secret = security.offered
  const { identity, psk } = security.keys[secret] ?? noKey()
  const socket = connect({
    socket: raw,
    secureContext: security.context,
    pskCallback: () => ({ psk, identity }),
    // Asked about certificates only, never when both have the key.
    checkServerIdentity: () => new Error('a certificate was shown in place of the key of the pair'),
  })
  const isWrongSecret = (code: string): boolean => wrongSecretAlerts.test(code)
  settleSecure(socket, 'secureConnect', isWrongSecret, (outcome) =>
    done(typeof outcome === 'string' ? outcome : { socket: outcome, secret }),
  )
}

function noKey(): never {
  throw new Error('security without a secret')
}

// What a listener finds whose key is another one than that of the name that was offered. A session
// that is played back has the right one, and fails later.
const wrongBinder = 'ERR_SSL_BINDER_DOES_NOT_VERIFY'
/** By what a listener says that the binder of the key is wrong: one alert an OpenSSL version. */
export const wrongSecretAlerts: RegExp = /ALERT_(ILLEGAL_PARAMETER|DECRYPT_ERROR)$/

/** Waits until `socket` is secured or has failed. Calls `done` once. */
export function settleSecure(
  socket: TLSSocket,
  secured: 'secure' | 'secureConnect',
  isWrongSecret: (code: string) => boolean,
  done: (outcome: SecureOutcome) => void,
): void {
  let isSettled = false
  const once = (outcome: SecureOutcome): void => {
    if (isSettled) return
    isSettled = true
    done(outcome)
  }
  socket.once(secured, () => {
    // Both sides count an accepted external key as a session; without one, something else was
    // agreed on.
    once(socket.isSessionReused() ? socket : 'not-ours')
  })
  socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    if (isWrongSecret(code)) once('wrong-secret')
    else once(code === 'ECONNRESET' || code === 'EPIPE' ? 'ended' : 'not-ours')
  })
  socket.once('close', () => once('ended'))
}
