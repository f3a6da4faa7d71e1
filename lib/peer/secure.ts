/**
 * TLS 1.3 with the secret of the pair as an external pre-shared key: no certificates, no clocks,
 * forward secrecy.
 *
 * The handshake proves the secret in both directions and cannot be replayed; who fails it learns
 * nothing but that somebody speaks TLS here. The key is derived with the name of the pair as salt,
 * so one secret used for two pairs gives two keys. Whoever answers with a certificate instead of
 * the key is refused, whoever signed it. There is no renegotiation and no early data.
 */

import { hkdfSync } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
} from 'node:tls'

// Names the use of the key, not the user of it: the same for every pair, so it tells a listener
// nothing.
const identity = 'hotpair data 1'

// The hash of the suite must be SHA-256, the one that an external key is bound to by default; of
// the suites with it, AES is the one that processors have instructions for.
const suite: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
}

/** What a context of either end is made of: no authority is trusted, so only a key can pass. */
export const alone: SecureContextOptions = { ...suite, ca: [] }

/** What both ends of a secured connection need. */
export interface Security {
  readonly key: Buffer
  readonly context: SecureContext
}

/** Security by the secret of the pair. */
export function securityOf(secret: string, pair: string): Security {
  const key = Buffer.from(hkdfSync('sha256', secret, pair, identity, 32))
  return { key, context: createSecureContext(alone) }
}

/**
 * How securing a connection ends: the secured socket, or why not. `wrong-secret`: the other side
 * tried our kind of key and it was not ours; `ended`: the connection broke off; `not-ours`:
 * anything else.
 */
export type SecureOutcome = TLSSocket | 'wrong-secret' | 'ended' | 'not-ours'

/** Secures `raw` as the side that was dialled. Calls `done` once. */
export function secureAsListener(
  raw: Socket,
  security: Security,
  done: (outcome: SecureOutcome) => void,
): void {
  let hasOfferedKey = false
  const options = {
    isServer: true,
    secureContext: security.context,
    pskCallback: (_: TLSSocket, offered: string): Buffer | null => {
      hasOfferedKey = offered === identity
      return hasOfferedKey ? security.key : null
    },
  }
  const isWrongSecret = (code: string): boolean => hasOfferedKey && code.startsWith('ERR_SSL_')
  settleSecure(new TLSSocket(raw, options), 'secure', isWrongSecret, done)
}

/** Secures `raw` as the side that dials. Calls `done` once. */
export function secureAsDialer(
  raw: Socket,
  security: Security,
  done: (outcome: SecureOutcome) => void,
): void {
  const socket = connect({
    socket: raw,
    secureContext: security.context,
    pskCallback: () => ({ psk: security.key, identity }),
    // Asked about certificates only, never when both have the key.
    checkServerIdentity: () => new Error('a certificate was shown in place of the key of the pair'),
  })
  settleSecure(socket, 'secureConnect', (code) => wrongSecretAlerts.test(code), done)
}

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
