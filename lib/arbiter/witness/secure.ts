/**
 * TLS between a member and a witness: 1.3 with the key of the pair, as on the data link.
 *
 * A witness serves many pairs on one port. The client names its key, the witness looks it up; a
 * name of a pair that it serves with another secret gets a key that fits nobody, so that the client
 * learns that its secret is wrong and not only that nothing fits.
 */

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, createSecureContext, type TLSSocket, TLSSocket as Tls } from 'node:tls'
import { alone, type SecureOutcome, settleSecure, wrongSecretAlerts } from '../../peer/secure.js'
import { areOfOnePair, keyOf, type NamedKey } from './names.js'

const secureContext = createSecureContext(alone)

/** The keys of all pairs that a witness serves. */
export class PairKeys {
  readonly #keys = new Map<string, { readonly pair: string; readonly key: Buffer }>()

  /** `secrets`: the one in use, and the next one while it is being changed. */
  add(pair: string, secrets: readonly string[]): void {
    for (const secret of secrets) {
      const { identity, key } = keyOf(secret, pair)
      this.#keys.set(identity, { pair, key })
    }
  }

  find(identity: string): { readonly pair: string | undefined; readonly key: Buffer } | undefined {
    const found = this.#keys.get(identity)
    if (found !== undefined) return found
    const isKnown = [...this.#keys.keys()].some((each) => areOfOnePair(each, identity))
    return isKnown ? { pair: undefined, key: randomBytes(32) } : undefined
  }
}

/** Secures `raw` as the witness. Calls `done` once, with the pair whose key was proved. */
export function secureAsWitness(
  raw: Socket,
  keys: PairKeys,
  done: (outcome: SecureOutcome, pair: string) => void,
): void {
  let pair = ''
  let isWrong = false
  const options = {
    isServer: true,
    secureContext,
    pskCallback: (_: TLSSocket, identity: string): Buffer | null => {
      const found = keys.find(identity)
      pair = found?.pair ?? ''
      isWrong = found !== undefined && found.pair === undefined
      return found?.key ?? null
    },
  }
  const isWrongSecret = (code: string): boolean => isWrong && code.startsWith('ERR_SSL_')
  settleSecure(new Tls(raw, options), 'secure', isWrongSecret, (outcome) => done(outcome, pair))
}

/** Secures `raw` as a member. Calls `done` once. */
export function secureAsMember(
  raw: Socket,
  { identity, key }: NamedKey,
  done: (outcome: SecureOutcome) => void,
): void {
  const socket = connect({
    socket: raw,
    secureContext,
    pskCallback: () => ({ psk: key, identity }),
    // Asked about certificates only, never when both have the key.
    checkServerIdentity: () => new Error('a certificate was shown in place of the key of the pair'),
  })
  settleSecure(socket, 'secureConnect', (code) => wrongSecretAlerts.test(code), done)
}
