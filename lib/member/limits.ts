/**
 * What a member cannot promise as it is configured, in sentences.
 *
 * Shown in its status for as long as it runs, because nobody reads a log of the start.
 */

import type { Config } from '../config.js'

const limitOfNone =
  "arbiter 'none': two members that cannot hear each other, though both live, may both rule"
const limitOfMemory =
  'the record is kept in memory: a blank member may begin a history while the other lives unheard'
const limitOfTwoSecrets =
  'two secrets are accepted: who holds the old one can still speak for a member'

export function limitsOf({
  arbiter,
  folder,
  secrets,
}: Pick<Config<unknown>, 'arbiter' | 'folder' | 'secrets'>): readonly string[] {
  const isAlone = arbiter.kind === 'none'
  return [
    ...(isAlone ? [limitOfNone] : []),
    // An arbiter keeps the record for both.
    ...(isAlone && folder === undefined ? [limitOfMemory] : []),
    ...(secrets.length < 2 ? [] : [limitOfTwoSecrets]),
  ]
}
