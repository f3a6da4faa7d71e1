/**
 * Puts the tables of a run into the document, between the marks of each benchmark, and keeps all
 * else of it as it is: what people wrote around the figures stays.
 *
 *     <!-- bench: NAME -->
 *     (replaced)
 *     <!-- end -->
 */

import { readFileSync, writeFileSync } from 'node:fs'

export function writeDocument(path: string, parts: ReadonlyMap<string, string>): void {
  let text = readFileSync(path, 'utf8')
  for (const [name, part] of parts) text = replacePart(text, name, part)
  writeFileSync(path, text)
}

/** Throws when the document has no place for `name`. */
export function replacePart(text: string, name: string, part: string): string {
  const begin = `<!-- bench: ${name} -->\n`
  const end = '<!-- end -->'
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`the document has no marks for '${name}'`)
  return `${text.slice(0, from + begin.length)}${part}\n${text.slice(to)}`
}
