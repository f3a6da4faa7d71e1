/**
 * Errors of the addon as errors of hotpair.
 *
 * The addon throws plain errors with a `code` of `facts.errorCodes`; users get a `NativeError` of
 * the same code with the addon's error as its cause. A TypeError or RangeError of the addon says
 * that this library passed a wrong argument: it goes on as it is.
 */

import { isPairError, NativeError } from '../errors.js'

/** Calls into the addon. */
export function native<Value>(call: () => Value): Value {
  try {
    return call()
  } catch (cause) {
    if (!isPairError(cause)) throw cause
    throw new NativeError(cause.code, cause.message, { cause })
  }
}
