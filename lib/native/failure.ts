/**
 * Errors of the addon as errors of hotpair.
 *
 * The addon throws plain errors with a `code` of `facts.errorCodes`; users get a `NativeError` of
 * the same code with the addon's error as its cause. A TypeError or RangeError of the addon says
 * that this library passed a wrong argument: it goes on as it is.
 */

import { isPairError, NativeError, reasonOf } from '../errors.js'

/**
 * Calls into the addon. With `what`, the beginning of a sentence that says what was tried, the
 * arguments may come from outside: then a wrong one is a NativeError, too.
 */
export function native<Value>(call: () => Value, what?: () => string): Value {
  try {
    return call()
  } catch (cause) {
    const code = isPairError(cause) ? cause.code : undefined
    if (what !== undefined) {
      throw new NativeError(code ?? 'ERR_HOTPAIR_NATIVE', `${what()}: ${reasonOf(cause)}`, {
        cause,
      })
    }
    if (code === undefined) throw cause
    throw new NativeError(code, reasonOf(cause), { cause })
  }
}
