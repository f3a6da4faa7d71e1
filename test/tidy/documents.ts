/**
 * Documents: one title, and links that lead somewhere; and no file that bloats the repository.
 *
 * A reader who follows a dead link stops trusting the page. Addresses outside are not followed: a
 * test must not depend on somebody else's server.
 */
import { basename, dirname, join } from 'node:path/posix'
import { isNative, isScript, lineAt, type Offence, type Rule, type Source } from './source.js'

function documentsIn(sources: readonly Source[]): readonly Source[] {
  return sources.filter(({ path }) => path.endsWith('.md'))
}

/** The page without what is shown as code; every position is kept. */
function prose(source: Source): string {
  return source.text
    .replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ' '))
    .replace(/`[^`\n]*`/g, (span) => ' '.repeat(span.length))
}

export const oneTitle: Rule = {
  name: 'a document has one title of the first level, and begins with it',
  refuses: [
    { 'docs/TIMING.md': '# One\n\n# Two\n' },
    { 'docs/TIMING.md': 'Text.\n' },
    { 'docs/TIMING.md': 'Text.\n\n# Late\n' },
  ],
  accepts: [{ 'docs/TIMING.md': '# One\n\n## Two\n\n```sh\n# a comment\n```\n' }],
  check: (sources) =>
    documentsIn(sources).flatMap((source): Offence[] => {
      const titles = [...prose(source).matchAll(/^# \S/gm)]
      const isFirst = /^(?:<!--[\s\S]*?-->\s*)?# \S/.test(source.text)
      if (titles.length === 1 && isFirst) return []
      const says = `${titles.length} titles; begin with one line '# Title' and use '##' below it`
      return [{ path: source.path, line: 1, says }]
    }),
}

/** The anchors of a page, as its host makes them from the headings. */
function anchorsOf(source: Source): ReadonlySet<string> {
  const headings = [...source.text.matchAll(/^#{1,6} (.+)$/gm)]
  return new Set(
    headings.map((found) =>
      (found[1] ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  )
}

function linkFault(source: Source, link: string, sources: readonly Source[]): string | undefined {
  if (/^[a-z]+:/i.test(link)) return undefined
  const [file = '', anchor] = link.split('#')
  const path = file === '' ? source.path : join(dirname(source.path), decodeURI(file))
  const target = sources.find((other) => other.path === path.replace(/\/$/, ''))
  const isFolder = sources.some((other) => other.path.startsWith(`${path.replace(/\/$/, '')}/`))
  if (!target && !isFolder) return `the link to ${link} leads nowhere; mend or remove it`
  if (!anchor || !target?.path.endsWith('.md')) return undefined
  return anchorsOf(target).has(anchor) ? undefined : `${path} has no heading for #${anchor}`
}

export const links: Rule = {
  name: 'a relative link of a document leads to a file and a heading of the project',
  refuses: [
    { 'README.md': '# A\n\n[b](docs/B.md)\n' },
    { 'README.md': '# A\n\n[b](docs/B.md#two)\n', 'docs/B.md': '# B\n\n## One\n' },
    { 'README.md': '# A\n\n[b][1]\n\n[1]: docs/B.md\n' },
  ],
  accepts: [
    { 'README.md': '# A\n\n[b](docs/B.md#one-thing)\n', 'docs/B.md': '# B\n\n## One thing\n' },
    {
      'README.md': '# A\n\n[b](https://example.org) `[c](d.md)` [a](#a) [docs](docs/)\n',
      'docs/a': '',
    },
  ],
  check: (sources) =>
    documentsIn(sources).flatMap((source) =>
      [...prose(source).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]:\s+(\S+)/gm)].flatMap(
        (found): Offence[] => {
          const says = linkFault(source, found[1] ?? found[2] ?? '', sources)
          const line = lineAt(source.text, found.index)
          return says === undefined ? [] : [{ path: source.path, line, says }]
        },
      ),
    ),
}

/** A name in capitals is a document where its ending, a section or an item follows. */
const citation =
  /\b([A-Z][A-Z-]{3,})(?:\.md\b| section \w|#\w| [A-Z]\d+\b)|\((?!GLIBC)([A-Z-]{4,}) \d+\.\d/g

export const documentNames: Rule = {
  name: 'a document that a comment cites exists',
  refuses: [
    { 'lib/core/step.ts': '// See docs/RULES.md.' },
    { 'lib/core/step.ts': '// The order matters (RULES 2.16).' },
    { 'native/base/a.hpp': '// See RULES section F.' },
  ],
  accepts: [
    { 'lib/core/step.ts': '// See PROTOCOL section 2, by RAII 2.\n', 'docs/PROTOCOL.md': '# P' },
    { 'native/base/a.hpp': '// CHECK stops the process; GLIBC 2.28 is no document.' },
  ],
  check: (sources) => {
    const documents = new Set(documentsIn(sources).map(({ path }) => basename(path, '.md')))
    return sources
      .filter(({ path }) => isNative(path) || isScript(path))
      .flatMap((source) =>
        [...source.text.matchAll(citation)]
          .filter((found) => source.uncommented[found.index] === ' ')
          .filter((found) => !documents.has(found[1] ?? found[2] ?? ''))
          .map((found) => ({
            path: source.path,
            line: lineAt(source.text, found.index),
            says: `'${found[0]}' cites a document that is not here; cite one of docs/, or say it`,
          })),
      )
  },
}

const largestBytes = 500_000

export const fileSize: Rule = {
  name: 'no file is larger than 500 kB',
  refuses: [{ 'docs/a.svg': 'a'.repeat(largestBytes + 1) }],
  accepts: [{ 'docs/a.svg': 'a'.repeat(largestBytes) }],
  check: (sources) =>
    sources
      .filter(({ bytes }) => bytes > largestBytes)
      .map(({ path, bytes }) => {
        const says = `${bytes} bytes, ${largestBytes} are the most; make it when it is needed`
        return { path, line: 1, says }
      }),
}
