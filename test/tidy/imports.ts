/**
 * Who may import whom, as one table, for TypeScript and for C++; and files that nobody imports.
 *
 * The table is the architecture: an arrow that is not in it is a design decision and belongs into
 * docs/ARCHITECTURE.md before it is written here. Every folder may import itself, `units`, `errors`
 * and `events`; types of `options` are free for all but the rules in core/.
 */
import { dirname, join } from 'node:path/posix'
import { isNative, lineAt, type Offence, type Rule, type Source } from './source.js'

interface Allowed {
  /** Folders or files of lib/ whose values may be imported. */
  readonly values?: readonly string[]
  /** Folders or files of lib/ of which only types may be imported. */
  readonly types?: readonly string[]
  readonly packages?: RegExp
}

const anyOfNode = /^node:/
const outsideOfNode =
  'net|tls|dgram|dns|https?|http2|fs|child_process|worker_threads|timers|perf_hooks'
const harmlessOfNode = new RegExp(`^node:(?!(?:${outsideOfNode})(?:/|$))`)
/** The interfaces that the runtime needs from outside: `runtime/ports-<name>`. */
const ports = ['runtime/ports']

/** What each folder of lib/ may import besides itself. */
const table: Readonly<Record<string, Allowed>> = {
  core: {},
  wire: { types: ['core'] },
  // `crypto`, `module` and `timers` are for the trap, which replaces what they export.
  runtime: {
    values: ['core'],
    types: ['wire'],
    packages: /^node:(diagnostics_channel|crypto|module|timers)$/,
  },
  sync: { values: ['wire'], types: ['core', ...ports], packages: harmlessOfNode },
  server: { values: ['wire', 'sync'], types: ['core', ...ports], packages: harmlessOfNode },
  state: { packages: /^node:crypto$/ },
  native: { types: ports, packages: /^(node-gyp-build|node:.*)$/ },
  peer: { values: ['wire'], types: ports, packages: anyOfNode },
  ipc: { values: ['wire'], types: ports, packages: anyOfNode },
  store: { values: ['wire'], types: ['core', ...ports], packages: anyOfNode },
  // Its connections are made as those between members are, and its files kept as theirs.
  arbiter: {
    values: ['wire', 'peer', 'store'],
    types: ['config/arbiter', ...ports],
    packages: anyOfNode,
  },
  unit: {
    values: ['runtime', 'core', 'peer', 'ipc', 'arbiter', 'store', 'native', 'wire'],
    packages: anyOfNode,
  },
  operator: { values: ['ipc'], types: ['member'], packages: /./ },
  // Whole programs: `unit` is the one that a member of `unit: 'process'` has beside it.
  cli: {
    values: ['arbiter', 'ipc', 'operator', 'config', 'native', 'runtime', 'store', 'unit'],
    types: ['member'],
    packages: /./,
  },
  testing: {
    // Marks are written by the shipped code, which touches no addon. Defaults are those of config.
    values: [
      ...['core', 'runtime', 'sync', 'server', 'wire', 'store/record-store', 'unit'],
      'native/sent-marks',
      'config',
    ],
    types: ['native', 'store/kept-file'],
    packages: harmlessOfNode,
  },
  // The rooms behind `member.ts`: parts are joined there. `cli/main` is started as a process. A
  // rehearsal is a play of the simulator.
  member: {
    values: [
      'arbiter',
      'cli/main',
      'config',
      'core',
      'native',
      'peer',
      'runtime',
      'server',
      'store',
      'testing',
      'unit',
      'wire',
    ],
    packages: /^node:/,
  },
  'config.ts': { values: ['config', 'state/shared-state'], types: ['options'] },
  // Files that options name are read before anything is opened.
  config: { packages: /^node:(fs|net|path)$/ },
  'emitter.ts': {},
  'receiver.ts': { values: ['receiver'] },
  receiver: {},
  'units.ts': {},
  'errors.ts': {},
  'events.ts': {},
}
const forEverybody = ['units', 'errors', 'events']

interface Import {
  readonly line: number
  readonly name: string
  readonly isTypeOnly: boolean
}

const importForms = new RegExp(
  [
    String.raw`\b(?:import|export)\s+(type\s)?\s*(?:([^'";]*?)\sfrom\s+)?['"]([^'"\n]+)['"]`,
    String.raw`\b(?:import|require)\(\s*['"]([^'"\n]+)['"]`,
    String.raw`\bnew URL\(\s*['"]([^'"\n]+\.[jt]s)['"]`,
  ].join('|'),
  'g',
)

/** Every import of a script; a path handed to `new URL` counts, for it names a file to run. */
export function importsOf(source: Source): readonly Import[] {
  return [...source.uncommented.matchAll(importForms)].map((found) => {
    const names = (found[2] ?? '')
      .replace(/[{}]/g, '')
      .split(',')
      .filter((name) => name.trim())
    const areAllTypes = names.length > 0 && names.every((name) => /^\s*type\s/.test(name))
    return {
      line: lineAt(source.text, found.index),
      name: found[3] ?? found[4] ?? found[5] ?? '',
      isTypeOnly: found[1] !== undefined || areAllTypes,
    }
  })
}

/** The path below lib/ without its ending, or undefined for a package. */
function targetInLib(source: Source, name: string): string | undefined {
  if (!name.startsWith('.')) return undefined
  return join(dirname(source.path), name)
    .replace(/^lib\//, '')
    .replace(/\.[jt]s$/, '')
}

function covers(list: readonly string[] | undefined, target: string): boolean {
  return (
    list?.some(
      (entry) =>
        target === entry || (/^[/-]/.test(target.slice(entry.length)) && target.startsWith(entry)),
    ) ?? false
  )
}

function judge(source: Source, part: string, found: Import): string | undefined {
  const allowed = table[part]
  if (!allowed) {
    return `the table in test/tidy/imports.ts has no row for lib/${part}; add one with the reason`
  }
  const target = targetInLib(source, found.name)
  if (target === undefined) {
    if (allowed.packages?.test(found.name)) return undefined
    return `lib/${part} may not import '${found.name}'; take what it gives through a port instead`
  }
  const isFree = covers([part, ...forEverybody], target) || covers(allowed.values, target)
  if (isFree) return undefined
  const isTypeFree = covers(allowed.types, target) || (part !== 'core' && target === 'options')
  if (isTypeFree && found.isTypeOnly) return undefined
  if (isTypeFree) return `lib/${part} may import only types of '${target}'; write 'import type'`
  return `lib/${part} may not import '${target}'; move the arrow or go through a port`
}

const joints = ['lib/index.ts', 'lib/member.ts', 'lib/options.ts']

export const importTable: Rule = {
  name: 'a folder of lib/ imports only what the table allows',
  refuses: [
    { 'lib/core/step.ts': "import { readFileSync } from 'node:fs'" },
    { 'lib/core/step.ts': "import type { Packet } from '../wire/packet.js'" },
    { 'lib/wire/presence.ts': "import { step } from '../core/step.js'" },
    { 'lib/sync/load.ts': "import { connect } from 'node:net'" },
    { 'lib/peer/link.ts': "import { step } from '../core/step.js'" },
    { 'lib/somewhere/new.ts': "import { epochOf } from '../units.js'" },
    { 'lib/runtime/runtime.ts': "const link = await import('../peer/link.js')" },
    { 'lib/receiver.ts': "import type { Output } from './member.js'" },
    { 'lib/runtime/runtime.ts': "new Worker(new URL('../unit/main.js', import.meta.url))" },
  ],
  accepts: [
    { 'lib/core/step.ts': "import { epochOf } from '../units.js'\nimport { a } from './state.js'" },
    { 'lib/wire/presence.ts': "import { type Presence } from '../core/state.js'" },
    { 'lib/sync/load.ts': "// import { connect } from 'node:net'\nimport '../wire/packet.js'" },
    { 'lib/native/load.ts': "const root = new URL('../..', import.meta.url)" },
    { 'lib/member.ts': "import { step } from './core/step.js'\nimport 'node:net'" },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => path.startsWith('lib/') && !joints.includes(path))
      .flatMap((source) =>
        importsOf(source).flatMap((found): Offence[] => {
          const says = judge(source, source.path.split('/')[1] ?? '', found)
          return says === undefined ? [] : [{ path: source.path, line: found.line, says }]
        }),
      ),
}

/** Which folders a folder of native/ may include; none includes a neighbour. */
const includes: Readonly<Record<string, readonly string[]>> = {
  base: ['base'],
  heartbeat: ['heartbeat', 'base'],
  snapshot: ['snapshot', 'base'],
  outbox: ['outbox', 'base'],
  ipc: ['ipc', 'base'],
  vigil: ['vigil', 'base'],
  // Joins the parts for a process apart; each of them stays ignorant of the others.
  unit: ['unit', 'heartbeat', 'ipc', 'vigil', 'base'],
  addon: ['addon', 'unit', 'heartbeat', 'snapshot', 'outbox', 'ipc', 'vigil', 'base'],
  test: ['test', 'unit', 'heartbeat', 'snapshot', 'outbox', 'ipc', 'vigil', 'base'],
  fuzz: ['fuzz', 'test', 'unit', 'heartbeat', 'snapshot', 'outbox', 'ipc', 'vigil', 'base'],
}

export const includeTable: Rule = {
  name: 'a folder of native/ includes only what lies below it',
  refuses: [
    { 'native/outbox/ring.cpp': '#include "heartbeat/gate.hpp"' },
    { 'native/base/clock.hpp': '#include "addon/addon.hpp"' },
    { 'native/test/ring_test.cpp': '#include "addon/addon.hpp"' },
    { 'native/other/a.hpp': '#include "base/result.hpp"' },
  ],
  accepts: [
    { 'native/addon/addon.cpp': '#include "heartbeat/gate.hpp"\n#include <vector>' },
    { 'native/outbox/ring.cpp': '#include "outbox/ring.hpp"\n#include "base/result.hpp"' },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => path.startsWith('native/') && isNative(path))
      .flatMap((source) => {
        const part = source.path.split('/')[1] ?? ''
        return [...source.uncommented.matchAll(/#include "([^"/]+)\/[^"]+"/g)]
          .filter((found) => !includes[part]?.includes(found[1] ?? ''))
          .map((found) => ({
            path: source.path,
            line: lineAt(source.text, found.index),
            says: `native/${part} may not include native/${found[1]}; hand in what it needs`,
          }))
      }),
}

/** Files that are run or published by name; package.json names the others. */
const entries = /^lib\/(index|receiver|cli\/main|unit\/main)\.ts$/

export const deadFiles: Rule = {
  name: 'every file of lib/ and every header of native/ is used by another',
  refuses: [
    { 'lib/index.ts': '', 'lib/core/old.ts': '' },
    { 'native/base/old.hpp': '', 'native/base/clock.cpp': '#include "base/clock.hpp"' },
  ],
  accepts: [
    { 'lib/index.ts': "export { a } from './core/a.js'", 'lib/core/a.ts': '' },
    {
      'lib/index.ts': '',
      'package.json': '"./testing": "./dist/testing.js"',
      'lib/testing.ts': '',
    },
    { 'lib/testing/a.ts': '', 'test/core/b.test.ts': "import '#lib/testing/a.js'" },
    { 'native/base/a.hpp': '', 'native/base/a.cpp': '#include "base/a.hpp"' },
    { 'native/test/a.hpp': '', 'native/test/a_test.cpp': '#include "a.hpp"' },
  ],
  check: (sources) => {
    const used = new Set<string>()
    for (const source of sources.filter(({ path }) => path.startsWith('lib/'))) {
      for (const { name } of importsOf(source)) {
        if (name.startsWith('.')) used.add(join(dirname(source.path), name).replace(/\.js$/, '.ts'))
      }
    }
    // What lib/testing/ offers is used by tests, ours and those of users.
    for (const source of sources.filter(({ path }) => /^(test|benchmarks)\//.test(path))) {
      const names = importsOf(source).map(({ name }) => name.replace(/^#(.*)\.js$/, '$1.ts'))
      for (const name of names) if (name.startsWith('lib/testing/')) used.add(name)
    }
    for (const source of sources.filter(({ path }) => isNative(path))) {
      for (const found of source.uncommented.matchAll(/#include "([^"]+)"/g)) {
        const name = found[1] ?? ''
        used.add(name.includes('/') ? `native/${name}` : join(dirname(source.path), name))
      }
    }
    const manifest = sources.find(({ path }) => path === 'package.json')?.text ?? ''
    for (const found of manifest.matchAll(/"\.\/dist\/([^"*]+)\.js"/g))
      used.add(`lib/${found[1]}.ts`)
    return sources
      .filter(({ path }) => /^lib\/.*\.ts$|^native\/.*\.hpp$/.test(path))
      .filter(({ path }) => !used.has(path) && !entries.test(path))
      .map(({ path }) => ({
        path,
        line: 1,
        says: 'nothing imports this file; use it or delete it',
      }))
  },
}
