/**
 * The structural rules of the project, on its sources as text: architecture, words, shape, links.
 *
 * Each rule first shows on made-up files that it refuses what is wrong and accepts what is right,
 * then reads the project. An offence says what to write instead. Rules that need the meaning of
 * code are Biome's and the compiler's.
 */
import t from 'tap'
import {
  casts,
  consoles,
  memoryOrders,
  nativeHomes,
  pureCore,
  timeAndChance,
} from './tidy/calls.js'
import { documentNames, fileSize, links, oneTitle } from './tidy/documents.js'
import { headersStandAlone } from './tidy/headers.js'
import { deadFiles, importTable, includeTable } from './tidy/imports.js'
import { fileHeader, fileLength, functionLength, lineLength } from './tidy/shape.js'
import { sourceOf, sourcesOf } from './tidy/source.js'
import { projectSources } from './tidy/tree.js'
import { glossary, openEndsHaveAnIssue } from './tidy/words.js'

const rules = [
  importTable,
  includeTable,
  deadFiles,
  timeAndChance,
  pureCore,
  casts,
  consoles,
  nativeHomes,
  memoryOrders,
  headersStandAlone,
  glossary,
  openEndsHaveAnIssue,
  fileLength,
  lineLength,
  functionLength,
  fileHeader,
  oneTitle,
  links,
  documentNames,
  fileSize,
]

t.test('a blanked view keeps every position and nothing of what it blanks', async (t) => {
  const script = `const a = 'Date' // Date
const b = \`\${now} Date\` /* Date */
return /[/'Date]/g
`
  const { code, uncommented } = sourceOf('lib/a.ts', script)
  t.equal(code.length, script.length)
  t.notMatch(code, /Date/)
  t.match(code, /\$\{now\}/)
  t.match(uncommented, /'Date' {8}\n/)
  const native = sourceOf(
    'native/a.cpp',
    "int a = 1'000; char b = '\\''; // Date\nR\"(Date)\"; int c;",
  )
  t.notMatch(native.code, /Date/)
  t.match(native.code, /1'000; char b = .*;\s*\n.* int c;/)
})

const project = projectSources()

// The compiler needs its time for all headers when the machine is busy.
t.setTimeout(120_000)

for (const rule of rules) {
  t.test(rule.name, async (t) => {
    for (const files of rule.refuses) {
      t.not(rule.check(sourcesOf(files)).length, 0, `refuses ${JSON.stringify(files).slice(0, 80)}`)
    }
    for (const files of rule.accepts) t.same(rule.check(sourcesOf(files)), [])
    const offences = rule.check(project)
    for (const { path, line, says } of offences) {
      t.fail(`${path}:${line}: ${says}`, { diagnostic: false })
    }
    t.equal(offences.length, 0, 'the project keeps the rule')
  })
}
