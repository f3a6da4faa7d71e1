/**
 * The options that docs/API.md lists are those that `openMember` takes, in the types and in the
 * checks, with the same defaults and bounds.
 */

import { readFileSync } from 'node:fs'
import t from 'tap'
import { configOf, limitsTable, numbersTable } from '#lib/config.js'
import type { MemberOptions } from '#lib/options.js'

const root = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** The cells of each row below the table's head. */
function rowsBelow(head: string): string[][] {
  const [, after = ''] = read('docs/API.md').split(`\n${head}\n`)
  const [table = ''] = after.split('\n\n')
  const rows = table.split('\n').slice(1)
  // A bar inside of a cell has a backslash before it.
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
}

const bare = (cell: string | undefined) => (cell ?? '').replaceAll('`', '')
const numberOf = (text: string | undefined) => Number((text ?? '').replaceAll(',', ''))

/** The fields of an interface in lib/options.ts. */
function fieldsOf(name: string): string[] {
  const [, body = ''] =
    read('lib/options.ts').match(new RegExp(`^export interface ${name}\\b.*?{\\n(.*?)^}`, 'ms')) ??
    []
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field = '']) => field)
}

const options = rowsBelow('| option | default | bounds | meaning |')
const limits = rowsBelow('| limit | default | least | greatest | at the bound |')

t.test('the tables are read', async (t) => {
  t.ok(options.length > 20 && options.every((row) => row.length === 4))
  t.ok(limits.length > 5 && limits.every((row) => row.length === 5))
})

t.test('each option is documented once, and nothing else is', async (t) => {
  t.same(options.map(([name]) => bare(name)).sort(), fieldsOf('MemberOptions').sort())
  t.same(limits.map(([name]) => bare(name)).sort(), fieldsOf('Limits').sort())
})

t.test('what is documented is taken: an unknown name is refused with the list', async (t) => {
  // Wrong on purpose, so that the refusal lists what there is.
  const wrong = { nothing: 1 } as unknown as MemberOptions<unknown>
  try {
    configOf(wrong)
    t.fail('an unknown option is refused')
  } catch (error) {
    const [, list = ''] = /there are (.*)$/.exec(String(error)) ?? []
    t.same(list.split(', ').sort(), options.map(([name]) => bare(name)).sort())
  }
})

t.test('numbers have the documented default and greatest value', async (t) => {
  for (const [name, [usual, , greatest]] of Object.entries(numbersTable)) {
    const row = options.find(([documented]) => bare(documented) === name)
    if (usual !== undefined) t.equal(numberOf(row?.[1]), usual, `${name}: default`)
    const [, most] = /to ([\d,]+)$/.exec(row?.[2] ?? '') ?? []
    t.equal(numberOf(most), greatest, `${name}: greatest`)
  }
})

t.test('limits have the documented default and bounds', async (t) => {
  for (const [name, bounds] of Object.entries(limitsTable)) {
    const row = limits.find(([documented]) => bare(documented) === name)
    t.same(row?.slice(1, 4).map(numberOf), [...bounds], name)
  }
})
