/**
 * The demo: a hot-standby pair on real input, killed again and again, and a stream that shows
 * nothing of it. `npm run demo`, `npm run demo -- --help`.
 *
 * Exit code 0 only if every run was perfect; 1 if one was not; 2 if the arguments were wrong;
 * 130 when interrupted.
 */

import { brisk, calm } from './faults.js'
import type { RunResult } from './judge.js'
import { expectedOutputs } from './oracle.js'
import { flights, loadRecords } from './records.js'
import { runJson, runLine, runsJson, runWords } from './report.js'
import { run } from './run.js'
import { parseSettings, type Settings, usage } from './settings.js'

/** How much of the stream a short run replays. */
const shortSeconds = 7

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function runAll(settings: Settings, signal: AbortSignal): Promise<RunResult[]> {
  const all = loadRecords(settings.input ?? flights())
  const records = settings.short ? all.slice(0, shortSeconds * settings.rate) : all
  const expected = expectedOutputs(records)
  const pace = settings.short ? brisk : calm
  const results: RunResult[] = []
  for (let index = 0; index < settings.runs; index++) {
    const seed = settings.seed + index
    const lines: string[] = []
    // Of many runs only those are shown in full that went wrong.
    const show = settings.runs === 1 ? print : (line: string) => void lines.push(line)
    const result = await run({ ...settings, records, expected, pace, seed }, show, signal)
    results.push(result)
    if (settings.runs === 1) continue
    if (!result.isPerfect) print(`${lines.join('\n')}\n${runWords(result)}`)
    print(runLine(result))
  }
  return results
}

async function main(): Promise<number> {
  const settings = parseSettings(process.argv.slice(2), Date.now())
  if (settings === undefined) {
    print(usage)
    return 0
  }
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => interrupt.abort(new Error(`ended by ${name}`)))
  }
  try {
    const results = await runAll(settings, interrupt.signal)
    const isMany = settings.runs > 1
    for (const result of isMany ? [] : results) print(runWords(result))
    const perfect = results.filter(({ isPerfect }) => isPerfect).length
    if (isMany && !settings.json) print(`${perfect} of ${results.length} runs were perfect`)
    if (settings.json) print(isMany ? runsJson(results) : results.map(runJson).join('\n'))
    return perfect === results.length ? 0 : 1
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    process.stderr.write('interrupted; every process of the run is ended\n')
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
