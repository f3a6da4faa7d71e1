/**
 * What a forger makes of a beat that he has heard: another reign claimed, asked for or given up,
 * and the checksum left as it was, or made by the key of a pair without a secret.
 */

import { loadBinding } from '#lib/native/load.js'
import { beatKeys } from '#lib/unit/keys.js'

// As `native/heartbeat/beat_layout.hpp` has them.
const senderAt = 6
const presenceAt = 80
const macAt = 264

/** Each of the three claims of `epoch`, twice. */
export function forgeriesOf(heard: Buffer, pair: string, epoch: bigint): Buffer[] {
  const { facts, siphash } = loadBinding()
  const { epoch: reign, renounced, askRenounce } = facts.presence
  return [reign, renounced, askRenounce].flatMap((at) => {
    const claim = Buffer.from(heard)
    claim.writeBigUInt64LE(epoch, presenceAt + at)
    const guessed = Buffer.from(claim)
    const from = 16 * (guessed[senderAt] ?? 0)
    const key = beatKeys(pair, []).subarray(from, from + 16)
    guessed.writeBigUInt64LE(siphash(key, guessed.subarray(0, macAt)), macAt)
    return [claim, guessed]
  })
}
