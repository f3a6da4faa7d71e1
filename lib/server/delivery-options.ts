/**
 * What delivery needs of its owner: whom it calls, what it reports, and its bounds. Types only.
 */

import type { PairError } from '../errors.js'
import type { App } from '../options.js'
import type { MarksPort } from '../runtime/ports-beats.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { Channel } from './channels.js'
import type { InquiryOptions } from './inquiry.js'
import type { Item } from './lane.js'

export interface DeliveryOptions {
  readonly pair: string
  readonly deliver: App<never>['deliver']
  readonly clock: ClockPort
  /** Outputs that a channel may have begun past the last notice that the standby holds. */
  readonly inFlight: number
  readonly timeoutMs: number
  /** Asks the receiver, within `askTimeoutMs`; false for everything where it cannot be asked. */
  readonly wasReceived: InquiryOptions['wasReceived']
  readonly askTimeoutMs: number
  /** Asked right before each `deliver`. */
  readonly isGateOpen: () => boolean
  readonly marks?: MarksPort | undefined
  /** `item` of `channel` is sent, and all before it: the owner counts it in `channel.sent`. */
  readonly onSent: (channel: Channel, item: Item) => void
  readonly onFault: (error: PairError, channel: string, frameNo: number) => void
  /** Nothing of a channel has settled for the timeout. */
  readonly onStuck: (hasDelivered: boolean) => void
}
