/**
 * The error codes of the addon and of the library are one list: what native/base/error_code.def
 * lists is what the addon exports, in order, and each of it has its meaning in lib/errors.ts. The
 * table in docs/API.md says the same, in the same words.
 */

import { readFileSync } from 'node:fs'
import t from 'tap'
import { errorCodes } from '#lib/errors.js'
import { loadBinding } from '#lib/native/load.js'

const listed = [
  ...readFileSync(new URL('../../../native/base/error_code.def', import.meta.url), 'utf8').matchAll(
    /^HOTPAIR_ERROR\(k\w+, "(\w+)"\)$/gm,
  ),
].map(([, name = '']) => name)

t.test('the list is read', async (t) => {
  t.ok(listed.includes('ERR_HOTPAIR_NO_MEMORY'))
})

t.test('the addon exports the list', async (t) => {
  t.strictSame(loadBinding().facts.errorCodes, listed)
})

t.test('each code has its meaning in the library', async (t) => {
  for (const name of listed) t.ok(Object.hasOwn(errorCodes, name), name)
  t.equal(new Set(listed).size, listed.length, 'no code stands twice')
})

t.test('the documented table is that of the library', async (t) => {
  const document = readFileSync(new URL('../../../docs/API.md', import.meta.url), 'utf8')
  const [, section = ''] = document.match(/^## Error codes\n(.*?)^## /ms) ?? []
  const rows = [...section.matchAll(/^\| `(ERR_HOTPAIR_\w+)` \| (.*) \|$/gm)]
  t.strictSame(
    rows.map(([, code, meaning]) => [code, meaning]),
    Object.entries(errorCodes),
  )
})
