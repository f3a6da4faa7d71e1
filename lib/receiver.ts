/**
 * The receiver's helper, public as `hotpair/receiver`: what stands between the pair and the
 * application that takes its outputs.
 *
 * A pair that takes over sends again what may not have arrived. Each output therefore has an
 * identity, (pair, history, channel, number), and a digest. By them this helper hands each output
 * on once and in order, and says when something is missing, late or contradictory. Behind it a
 * channel is the stream of one uninterrupted process.
 *
 * Two rules for its user. Hand on first, then confirm: what is confirmed is never sent again. And
 * where outputs must survive the receiver too, keep `positions()` in the same transaction as the
 * effect of the output: a step forward is not undone when handing on fails.
 *
 * It needs neither the rest of the library nor an addon, and opens no connection: how envelopes
 * travel, and from whom they are believed, is the receiver's own affair.
 */

export {
  checksum,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  envelopeBytes,
} from './receiver/envelope.js'
export {
  createReceiver,
  type Position,
  type Receiver,
  type ReceiverOptions,
  type Verdict,
} from './receiver/take.js'
