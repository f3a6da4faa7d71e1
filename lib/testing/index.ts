/**
 * `hotpair/testing`: takeover tests of a user's own application, in virtual time.
 *
 * The public list of names, and nothing else. The guide is docs/TESTING-YOUR-APP.md.
 */

export type { Delivered } from './outside.js'
export {
  type SimulatedApp,
  SimulatedPair,
  type SimulatedPairOptions,
  type SimulatedRole,
  simulatePair,
} from './simulate-pair.js'
