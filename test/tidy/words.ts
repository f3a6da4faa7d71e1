/**
 * One word for one thing: refuses the words that docs/GLOSSARY.md lists as 'not'.
 *
 * Two names for one thing cost every reader a question, and a name that means something else in a
 * neighbouring system costs a wrong answer. Names are taken apart at humps and underscores. Words
 * with another honest meaning (a school term, a view of a file) are not in the list. Documents are
 * not read: they may use the words to compare.
 */
import { isNative, isScript, lineAt, type Offence, type Rule } from './source.js'

interface Word {
  readonly pattern: RegExp
  readonly instead: string
  /** Paths where the word is right, for it belongs to somebody else. */
  readonly home?: RegExp
}

const words: readonly Word[] = [
  { pattern: /\b(?:master|slave)s?\b/i, instead: 'primary, standby' },
  { pattern: /\b(?:leader|follower)s?\b/i, instead: 'primary, standby', home: /etcd/ },
  { pattern: /\bfail ?over\b/i, instead: 'takeover' },
  { pattern: /\b(?:ballot|election|campaign)s?\b/i, instead: 'claim, epoch', home: /etcd/ },
  { pattern: /\b(?:this|other|self|peer|primary|standby|each|both) nodes?\b/i, instead: 'member' },
  { pattern: /\bnode (?:id|name|role|state)\b/i, instead: 'member' },
  { pattern: /\bclusters?\b/i, instead: 'pair', home: /etcd|nemesis\/arbiters/ },
  {
    pattern: /\bkeep ?alives?\b/i,
    instead: 'beat, heartbeat',
    home: /^(lib|test)\/(peer|ipc|arbiter)\//,
  },
  { pattern: /\bdual primar(?:y|ies)\b/i, instead: 'split brain' },
  { pattern: /\bremote (?:member|epoch|role|state|incarnation)\b/i, instead: 'peer' },
  { pattern: /\blocal (?:member|epoch|role|state|incarnation)\b/i, instead: 'self' },
]

/** Names taken apart: `peerNode` and `peer_node` read as 'peer Node' and 'peer node'. */
function spoken(line: string): string {
  return line.replace(/(?<=[a-z0-9])(?=[A-Z])|_/g, ' ')
}

export const glossary: Rule = {
  name: 'the words of the glossary, and not their neighbours, are used',
  refuses: [
    { 'lib/core/step.ts': 'const isMaster = true' },
    { 'lib/core/step.ts': '// The follower loads.' },
    { 'native/base/a.hpp': 'int peer_node;' },
    { 'lib/peer/link.ts': "socket.setKeepAlive(true)\nconst otherNodes = ['b']" },
    { 'test/peer/link.test.ts': 'const failoverTime = 1' },
  ],
  accepts: [
    { 'lib/core/step.ts': '// In terms of Node.js, mastery needs no leadership.' },
    { 'docs/FAILURE-MODEL.md': 'Raft has a leader and followers.' },
    { 'lib/arbiter/etcd.ts': "// The leader of etcd's own cluster answers." },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => /^(lib|native|test|examples|benchmarks|scripts)\//.test(path))
      .filter(({ path }) => !path.startsWith('test/tidy'))
      .flatMap((source) => {
        const lines = spoken(source.text).split('\n')
        return words
          .filter(({ home }) => !home?.test(source.path))
          .flatMap(({ pattern, instead }): Offence[] =>
            lines.flatMap((line, index) => {
              const found = pattern.exec(line)?.[0]
              const says = `'${found}' is not a word of the glossary; write: ${instead}`
              return found === undefined ? [] : [{ path: source.path, line: index + 1, says }]
            }),
          )
      }),
}

const openEnds = /\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\):)/g

export const openEndsHaveAnIssue: Rule = {
  name: 'what is left to do has an issue, and in lib/core/ nothing is',
  refuses: [
    { 'lib/peer/link.ts': '// TODO: later' },
    { 'native/base/a.hpp': '// FIXME' },
    { 'lib/core/step.ts': '// TODO(#12): later' },
  ],
  accepts: [
    { 'lib/peer/link.ts': '// TODO(#12): later' },
    { 'scripts/tap-ci.js': 'const skipped = /# (SKIP|TODO)/.test(line)' },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => isNative(path) || isScript(path))
      .flatMap((source) => {
        const wrong = source.path.startsWith('lib/core/') ? /\b(?:TODO|FIXME)\b/g : openEnds
        const isInComment = (at: number) => source.uncommented[at] === ' '
        return [...source.text.matchAll(wrong)]
          .filter(({ index }) => isInComment(index))
          .map((found) => ({
            path: source.path,
            line: lineAt(source.text, found.index),
            says: `'${found[0]}' has no issue; do it, or write TODO(#number): and what is missing`,
          }))
      }),
}
