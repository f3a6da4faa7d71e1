/**
 * Names the compiled files that tap holds to 100 %: the rules and the wire format, nothing else.
 *
 * Listing them by folder counts a file that no test loads as uncovered; tap alone would not see it.
 */
import { readdirSync } from 'node:fs'

const gated = ['dist/core', 'dist/wire']

export default () =>
  gated.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.js'))
      .map((name) => `${folder}/${name}`),
  )
