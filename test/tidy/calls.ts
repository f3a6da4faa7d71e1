/**
 * Calls that have one place: clocks, timers and chance, the console, casts, and what native/
 * avoids.
 *
 * Time as an argument is what makes the rules testable and the simulator honest; one stray
 * `Date.now()` breaks both unseen. In C++ the list keeps ownership, errors, threads and memory
 * order where a reader expects them.
 */
import { isNative, isScript, matches, type Offence, type Rule, type Source } from './source.js'

function scriptsIn(sources: readonly Source[], folder: RegExp): readonly Source[] {
  return sources.filter(({ path }) => isScript(path) && folder.test(path))
}

const clocks = new RegExp(
  [
    String.raw`(?<![.\w])(?:Date|performance|set(?:Timeout|Interval|Immediate))\b(?!:)`,
    // Handed over and not called, chance is what a part gets from outside.
    String.raw`\bMath\.random\(|\bprocess\.hrtime\b`,
  ].join('|'),
  'g',
)

export const timeAndChance: Rule = {
  name: 'time, timers and chance come only from lib/runtime/',
  refuses: [
    { 'lib/peer/link.ts': 'const at = Date.now()' },
    { 'lib/core/step.ts': 'if (Math.random() < 0.5) return' },
    { 'lib/unit/host.ts': 'setTimeout(probe, 10)' },
    { 'lib/sync/load.ts': `const text = \`at \${performance.now()}\`` },
  ],
  accepts: [
    { 'lib/runtime/clock.ts': 'export const now = () => performance.now()' },
    { 'lib/member.ts': 'new Peer({ clock: systemClock, random: Math.random })' },
    { 'lib/peer/link.ts': "// Date.now() goes back.\nclock.setTimeout('Date', 5)" },
  ],
  check: (sources) =>
    scriptsIn(sources, /^lib\/(?!runtime\/|cli\/)/).flatMap((source) =>
      matches(source, 'code', clocks, (found) => {
        return `${found} is used; take time and chance from the clock that is handed in`
      }),
    ),
}

const impure = /\b(?:async|await|Promise|globalThis|crypto|fetch)\b|\bprocess\./g

export const pureCore: Rule = {
  name: 'lib/core/ waits for nothing and reads no environment',
  refuses: [
    { 'lib/core/step.ts': 'export async function step() {}' },
    { 'lib/core/step.ts': 'const isFast = process.env.FAST' },
  ],
  accepts: [{ 'lib/core/step.ts': '// The promise is kept by the runtime.\nconst process = 1' }],
  check: (sources) =>
    scriptsIn(sources, /^lib\/core\//).flatMap((source) =>
      matches(source, 'code', impure, (found) => {
        return `${found} in the rules; return an effect and let the runtime do it`
      }),
    ),
}

export const consoles: Rule = {
  name: 'only programs for people write to the console',
  refuses: [
    { 'lib/peer/link.ts': 'console.log(1)' },
    { 'test/peer/link.test.ts': 'console.error(1)' },
  ],
  accepts: [{ 'lib/cli/main.ts': 'console.log(1)' }, { 'scripts/a.js': 'console.log(1)' }],
  check: (sources) =>
    scriptsIn(sources, /^(lib\/(?!cli\/)|test\/)/).flatMap((source) =>
      matches(source, 'code', /\bconsole\./g, (found) => {
        return `${found} is used; emit an event, or in a test say it by t.comment`
      }),
    ),
}

const cast = /(?<!\*)\s\bas\s+(?!const\b)(?=[\w({['"])[^,;\n)]*/g

export const casts: Rule = {
  name: 'types are asserted in units, in wire/ and in native/; elsewhere a comment says why',
  refuses: [
    { 'lib/peer/link.ts': 'const link = value as Link' },
    { 'lib/core/step.ts': 'return { epoch: 1 } as unknown as State' },
  ],
  accepts: [
    { 'lib/units.ts': 'return value as Millis' },
    { 'lib/peer/link.ts': "const kinds = ['a'] as const\nimport * as net from 'node:net'" },
    { 'lib/peer/link.ts': "import { connect as dial } from 'node:net'" },
    { 'lib/emitter.ts': '// The map pairs names and listeners.\nconst call = found as Listener' },
  ],
  check: (sources) =>
    scriptsIn(sources, /^lib\/(?!units\.ts|wire\/|native\/)/).flatMap((source) => {
      const withoutImports = source.code.replace(/\b(?:import|export)\s[^;=(]*?from/g, (found) =>
        found.replace(/[^\n]/g, ' '),
      )
      return matches({ ...source, code: withoutImports }, 'code', cast, (found) => {
        return `'${found}' asserts a type; narrow by a check, or say above why that cannot be`
      }).filter(({ line }) => !/^\s*\/\//.test(source.text.split('\n')[line - 2] ?? ''))
    }),
}

interface Banned {
  readonly pattern: RegExp
  /** Where the pattern is right. */
  readonly home: RegExp
  readonly instead: string
}

const systemHeaders = new RegExp(
  [
    '#include <(?:sys|arpa|net|netinet|linux)/[^>]+>',
    '#include <(?:unistd|fcntl|poll|pthread|signal|netdb|sched|dirent|time)\\.h>',
  ].join('|'),
  'g',
)

const bannedInNative: readonly Banned[] = [
  { pattern: /\bnew\s/g, home: /^$/, instead: 'own it by std::make_unique or a member' },
  { pattern: /(?<!=\s*)\bdelete\b/g, home: /^$/, instead: 'let its owner type free it' },
  { pattern: /\bvolatile\b/g, home: /^$/, instead: 'use std::atomic' },
  { pattern: /\b(?:throw|try|catch)\b/g, home: /^$/, instead: 'return a Result' },
  {
    pattern: /\bstd::j?thread\b(?!::)/g,
    home: /^native\/(base\/thread_|test\/)/,
    instead: 'start it through base/thread',
  },
  {
    pattern: /\bpthread_create\b/g,
    home: /^native\/(base\/thread_|test\/)/,
    instead: 'start it through base/thread',
  },
  {
    pattern: /\b(?:clock_gettime|gettimeofday|\w+_clock::now)\b/g,
    home: /^native\/(base\/clock_|test\/)/,
    instead: 'take the time from base/clock',
  },
  {
    pattern: /#include <(?:napi|node_api|js_native_api|uv|node)\.h>/g,
    home: /^native\/addon\//,
    instead: 'keep Node out of this folder; native/addon translates',
  },
  {
    pattern: systemHeaders,
    home: /_(?:posix|linux|poll)\.\w+$|^native\/(test|fuzz)\//,
    instead: 'call the system from a *_posix, *_linux or *_poll file',
  },
]

export const nativeHomes: Rule = {
  name: 'C++ keeps ownership, errors, threads, clocks and the system in their places',
  refuses: [
    { 'native/base/a.cpp': 'auto* ring = new Ring();' },
    { 'native/base/a.cpp': 'delete ring;' },
    { 'native/base/a.cpp': 'volatile int stop;' },
    { 'native/base/a.cpp': 'throw 1;' },
    { 'native/outbox/a.cpp': 'std::thread worker;' },
    { 'native/heartbeat/a.cpp': 'auto now = std::chrono::steady_clock::now();' },
    { 'native/outbox/a.cpp': '#include <napi.h>' },
    { 'native/outbox/a.cpp': '#include <sys/mman.h>' },
  ],
  accepts: [
    { 'native/base/a.hpp': 'Ring(const Ring&) = delete;  // A new ring would throw.' },
    { 'native/base/clock_posix.cpp': '#include <time.h>\nclock_gettime(CLOCK_MONOTONIC, &at);' },
    { 'native/addon/addon.cpp': "#include <napi.h>\nint big = 1'000'000;" },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => isNative(path))
      .flatMap((source) =>
        bannedInNative
          .filter(({ home }) => !home.test(source.path))
          .flatMap(({ pattern, instead }) =>
            matches(source, 'code', pattern, (found) => `'${found}' is used; ${instead}`),
          ),
      ),
}

/** Whether a comment stands on the line or right above it, or speaks for all of the file before. */
function isExplained(source: Source, line: number): boolean {
  const above = source.text.split('\n').slice(0, line)
  const isForAll = above.some((text) =>
    /\/\/ All accesses are (?:relaxed|acquire|release)/.test(text),
  )
  return isForAll || above.slice(-4).some((text) => text.includes('//'))
}

export const memoryOrders: Rule = {
  name: 'every memory order weaker than seq_cst says why it is enough',
  refuses: [
    { 'native/base/a.cpp': 'count.load(std::memory_order_relaxed);' },
    { 'native/base/a.cpp': '// Far away.\n\n\n\nready.store(1, std::memory_order_release);' },
  ],
  accepts: [
    {
      'native/base/a.cpp':
        '// release: pairs with read().\nready.store(1, std::memory_order_release);',
    },
    { 'native/base/a.cpp': 'ready.load(std::memory_order_seq_cst);' },
    {
      'native/base/a.cpp':
        '// All accesses are relaxed: a word.\n\n\n\nat.load(memory_order_relaxed);',
    },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => isNative(path) && !/^native\/(test|fuzz)\//.test(path))
      .flatMap((source) =>
        matches(source, 'code', /\bmemory_order_(?!seq_cst)\w+/g, (found): string => {
          return `${found} has no comment; name its partner, or say why no order is needed`
        }).filter((offence: Offence) => !isExplained(source, offence.line)),
      ),
}
