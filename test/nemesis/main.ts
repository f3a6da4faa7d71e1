/**
 * `npm run nemesis`: real faults on real processes for as long as you like; `-- --help`.
 *
 * The last line is one JSON object. Exit code 0 only without a violation; 1 with one, and then the
 * whole timeline is kept in a file, and the command that does the same again is printed; 2 if the
 * arguments were wrong; 130 when interrupted.
 */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { whyNoNamespaces } from '../process/netns/namespaces.js'
import { outcomeJson, outcomeWords } from './report.js'
import { runNemesis } from './run.js'
import { commandOf, parseSettings, usage } from './settings.js'

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<number> {
  const why = whyNoNamespaces()
  const settings = parseSettings(process.argv.slice(2), { clock: Date.now(), why })
  if (settings === undefined) {
    print(usage)
    return 0
  }
  if (!settings.hasNetwork) print(`faults of processes only: ${why ?? 'no others were asked for'}`)
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => interrupt.abort(new Error(`ended by ${name}`)))
  }
  const log: string[] = []
  const show = (line: string) => {
    log.push(line)
    if (!settings.json) print(line)
  }
  try {
    const outcome = await runNemesis(settings, show, interrupt.signal)
    print(outcomeWords(outcome))
    const isClean = outcome.violations.length === 0
    if (!isClean) {
      const file = join(mkdtempSync(join(tmpdir(), 'hotpair-nemesis-')), 'timeline.txt')
      writeFileSync(file, `${log.join('\n')}\n${outcomeWords(outcome)}\n`)
      print(`What happened is kept in ${file}. The same again: ${commandOf(settings)}`)
    }
    print(outcomeJson(settings.minutes, outcome))
    return isClean ? 0 : 1
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    process.stderr.write('interrupted; every process and namespace of the run is gone\n')
    return 130
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}\n`)
    process.exitCode = 2
  },
)
