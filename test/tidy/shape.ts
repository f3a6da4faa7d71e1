/**
 * The shape of a file: how long it, its functions and its lines may be, and how it begins.
 *
 * A file that does not fit is two files. The numbers are those of docs and CONTRIBUTING.md; the
 * length of functions in TypeScript is Biome's rule, since Biome parses it.
 */
import { basename, dirname, join } from 'node:path/posix'
import { isNative, isScript, type Offence, type Rule, type Source } from './source.js'

const columns = 100

function lineLimit(path: string): number | undefined {
  if (isNative(path)) return 400
  if (!isScript(path)) return undefined
  return path.startsWith('test/') ? 600 : 300
}

/** `count` lines of filler, for examples. */
function filler(count: number): string {
  return 'a\n'.repeat(count)
}

export const fileLength: Rule = {
  name: 'a file has at most 300 lines, a test 600, a C++ file 400',
  refuses: [
    { 'lib/core/step.ts': filler(301) },
    { 'test/core/step.test.ts': filler(601) },
    { 'native/base/a.cpp': filler(401) },
  ],
  accepts: [
    { 'lib/core/step.ts': filler(300), 'test/core/step.test.ts': filler(600) },
    { 'native/base/a.cpp': filler(400), 'docs/PROTOCOL.md': filler(900) },
  ],
  check: (sources) =>
    sources.flatMap(({ path, text }): Offence[] => {
      const count = text.replace(/\n$/, '').split('\n').length
      const limit = lineLimit(path)
      if (limit === undefined || count <= limit) return []
      return [
        { path, line: limit, says: `${count} lines, ${limit} are the most; split by meaning` },
      ]
    }),
}

/** A line that is nothing but one literal, one name or one address cannot be broken. */
const unbreakable =
  /^\s*(?:const \w+ = |return )?(['"`]).*\1[,;)]*$|^\s*(?:\* |\/\/ |# )?\S+$|https?:\/\/\S+$/

export const lineLength: Rule = {
  name: `a line of code has at most ${columns} columns`,
  refuses: [
    { 'lib/core/step.ts': `// ${'word '.repeat(20)}` },
    { 'native/base/a.cpp': `int a = ${'1 + '.repeat(30)}1;` },
  ],
  accepts: [
    { 'lib/errors.ts': `    '${'word '.repeat(30)}',` },
    { 'lib/core/step.ts': `const a = '${'×'.repeat(88)}'` },
    { 'docs/PROTOCOL.md': 'word '.repeat(100) },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => isNative(path) || isScript(path) || path === '.ci/run')
      .flatMap((source) =>
        source.text.split('\n').flatMap((line, index): Offence[] => {
          if (line.length <= columns || unbreakable.test(line)) return []
          const says = `${line.length} columns, ${columns} are the most; break the line`
          return [{ path: source.path, line: index + 1, says }]
        }),
      ),
}

const functionLimit = 70

const isNoFunction =
  /^\s*(?:}|#|\w+:$|(?:template.*>\s*)?(?:inline )?(?:namespace|class|struct|union|enum|extern)\b)/

/** Blocks as clang-format lays them out: each ends in a brace below the line that begins it. */
function longFunctions(source: Source): readonly Offence[] {
  const lines = source.code.split('\n')
  return lines.flatMap((line, end): Offence[] => {
    const margin = /^( {0,2})\}/.exec(line)?.[1]
    if (margin === undefined) return []
    const isAtMargin = (other: string) => /^\s*/.exec(other)?.[0] === margin && other.trim() !== ''
    const begin = lines
      .slice(0, end)
      .findLastIndex((other) => isAtMargin(other) && other[0] !== '#')
    const count = end - begin + 1
    if (begin < 0 || count <= functionLimit || isNoFunction.test(lines[begin] ?? '')) return []
    const says = `a function of ${count} lines, ${functionLimit} are the most; take a part out`
    return [{ path: source.path, line: begin + 1, says }]
  })
}

export const functionLength: Rule = {
  name: `a function in C++ has at most ${functionLimit} lines`,
  refuses: [
    { 'native/base/a.cpp': `int a(int b) {\n${'  ++b;\n'.repeat(70)}}\n` },
    { 'native/base/a.hpp': `class A {\n  int b() {\n${'    ++b;\n'.repeat(70)}  }\n};\n` },
  ],
  accepts: [
    { 'native/base/a.cpp': `int a(int b) {\n${'  ++b;\n'.repeat(60)}}\nint c() {\n}\n` },
    { 'native/base/a.hpp': `namespace x {\nclass A {\n${'  int b();\n'.repeat(90)}};\n}\n` },
  ],
  check: (sources) => sources.filter(({ path }) => isNative(path)).flatMap(longFunctions),
}

/** The comment that a file begins with, before any code. */
function headerOf(text: string): readonly string[] {
  const body = text.replace(/^#!.*\n/, '')
  const block = /^\/\*\*?\n(?: \*.*\n)*? \*\//.exec(body)?.[0]
  const lines = /^(?:(?:\/\/|#(?!include|pragma|define)).*\n)*/.exec(body)?.[0] ?? ''
  return (block ?? lines.trimEnd()).split('\n').filter((line) => line !== '')
}

function hasHeader({ path, text }: Source, sources: readonly Source[]): boolean {
  const header = headerOf(text)
  const isPicture = (line: string) => /^( \*|\/\/|#)\s{2,}\S/.test(line)
  const told = /; see (\w+\.hpp)\.$/.exec(header[0] ?? '')?.[1] ?? `${basename(path, '.cpp')}.hpp`
  const isTold = sources.some((other) => other.path === join(dirname(path), told))
  const fewest = header[0]?.startsWith('/*') ? 3 : isNative(path) && isTold ? 1 : 2
  return header.length >= fewest && header.filter((line) => !isPicture(line)).length <= 20
}

export const fileHeader: Rule = {
  name: 'a file begins by saying what it is, in 3 to 20 lines',
  refuses: [
    { 'lib/core/step.ts': "import { a } from './a.js'\n" },
    { 'lib/core/step.ts': '// One line.\nconst a = 1\n' },
    { 'native/base/a.cpp': '// One line; see missing.hpp.\n#include <vector>\n' },
    { 'native/base/a.hpp': '#pragma once\n' },
    { 'lib/core/step.ts': `/**\n${' * word\n'.repeat(20)} */\n` },
  ],
  accepts: [
    { 'lib/core/step.ts': '/**\n * What it is.\n *\n * Why it exists.\n */\nconst a = 1\n' },
    { 'lib/wire/a.ts': `/**\n * What it is.\n${' *   | 4 bytes |\n'.repeat(20)} */\n` },
    { 'native/base/a.hpp': '// What it is.\n// Why it exists.\n#pragma once\n' },
    { 'native/base/b.cpp': '// B; see a.hpp.\n', 'native/base/a.hpp': '// What.\n// Why.\n' },
    { '.ci/run': '#!/usr/bin/env bash\n# What it is.\n# Why it exists.\n' },
  ],
  check: (sources) =>
    sources
      .filter(({ path }) => isNative(path) || isScript(path) || path === '.ci/run')
      .filter((source) => !hasHeader(source, sources))
      .map(({ path }) => {
        const says =
          'the header must say in 3 to 20 lines what the file is and must not do, and why'
        return { path, line: 1, says }
      }),
}
