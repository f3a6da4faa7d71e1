/**
 * Every header of native/ compiles alone: who includes it needs no other include before it.
 *
 * A header that its own .cpp includes before anything else is proved by the build. The others are
 * handed to one process of g++, which parses each for itself; this is the one rule that asks a
 * compiler.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Offence, Rule, Source } from './source.js'
import { root } from './tree.js'

const packages = ['node-api-headers/include', 'node-addon-api'].flatMap((name) => [
  '-isystem',
  join(root, 'node_modules', name),
])
const flags = ['-std=c++20', '-fsyntax-only', '-fno-exceptions', '-fno-rtti', '-w', '-x', 'c++']
const defines = ['-DNAPI_VERSION=8', '-DNAPI_DISABLE_CPP_EXCEPTIONS']

/** The first complaint about each header, told by the one that was being compiled. */
function complaints(stderr: string): readonly Offence[] {
  const found = [...stderr.matchAll(/^native\/(\S+?):(\d+):\d+: (?:fatal )?error: (.*)$/gm)]
  return found.map(([, path = '', line = '0', message = '']) => ({
    path: `native/${path}`,
    line: Number(line),
    says: `the header does not compile alone (${message}); include what it uses`,
  }))
}

function compile(headers: readonly Source[], folder: string): readonly Offence[] {
  const paths = headers.map(({ path }) => path)
  if (paths.length === 0) return []
  const args = [...flags, ...defines, '-Inative', ...packages, ...paths]
  const { error, status, stderr } = spawnSync('g++', args, { cwd: folder, encoding: 'utf8' })
  if (error) throw new Error(`g++ cannot be started: ${error.message}`)
  if (status === 0) return []
  const offences = complaints(stderr)
  return offences.length > 0 ? offences : [{ path: 'native', line: 1, says: stderr }]
}

/** Headers that some .cpp includes first: that compiles only if they need nothing before them. */
function provedByBuild(sources: readonly Source[]): ReadonlySet<string> {
  const firsts = sources
    .filter(({ path }) => path.endsWith('.cpp'))
    .map((source) => /^\s*#include (\S+)/m.exec(source.uncommented)?.[1] ?? '')
  return new Set(firsts.map((first) => `native/${first.replaceAll('"', '')}`))
}

export const headersStandAlone: Rule = {
  name: 'every header of native/ compiles alone',
  refuses: [
    { 'native/base/a.hpp': '#pragma once\nstd::vector<int> a();\n' },
    { 'native/base/a.hpp': '#error', 'native/base/b.cpp': '#include <b>\n#include "base/a.hpp"' },
  ],
  accepts: [
    { 'native/base/a.hpp': '#error built', 'native/base/a.cpp': '#include "base/a.hpp"\n' },
    { 'native/base/a.hpp': '#pragma once\n#include <vector>\nstd::vector<int> a();\n' },
  ],
  check: (sources) => {
    const folder = join(root, 'build-dev', 'tidy-headers')
    rmSync(folder, { recursive: true, force: true })
    for (const { path, text } of sources.filter((source) =>
      /^native\/.*\.(hpp|def)$/.test(source.path),
    )) {
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const proved = provedByBuild(sources)
    return compile(
      sources.filter(({ path }) => path.endsWith('.hpp') && !proved.has(path)),
      folder,
    )
  },
}
