/**
 * What is derived from the pair's name and secret for the beats.
 *
 * Keys are per direction, so that no beat can be played back to its sender; freshness comes from
 * the echo of the receiver's incarnation and not from the key, so one key serves every session and
 * beats need no connection first. Without a secret (loopback only) the key keeps pairs apart,
 * nothing more.
 */

import { createHash, hkdfSync } from 'node:crypto'

/**
 * Of each secret 32 bytes: the SipHash key of beats from a to b, then that of beats from b to a.
 * Without one, as of an empty secret.
 */
export function beatKeys(pair: string, secrets: readonly string[]): Uint8Array {
  const each = secrets.length === 0 ? [''] : secrets
  const keys = each.map((secret) => hkdfSync('sha256', secret, pair, 'hotpair beat keys 1', 32))
  return Buffer.concat(keys.map((key) => new Uint8Array(key)))
}

/** 16 bytes: the key of the digests by which pages of a shared state are compared. */
export function regionKey(pair: string, secret: string | undefined): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret ?? '', pair, 'hotpair region key 1', 16))
}

/** 64 bits that stand for the pair's name in each beat. */
export function pairDigest(pair: string): bigint {
  return digest64(`hotpair pair ${pair}`)
}

/** 64 bits that stand for all settings that must match. */
export function settingsDigest(settings: Readonly<Record<string, string>>): bigint {
  return digest64(
    JSON.stringify(Object.entries(settings).sort(([one], [other]) => (one < other ? -1 : 1))),
  )
}

function digest64(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64LE(0)
}
