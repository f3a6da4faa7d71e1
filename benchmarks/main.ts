/**
 * The benchmarks: what the pair can do, measured beside peers and floors in the same run.
 * `npm run bench -- NAME`, `npm run bench -- --help`.
 *
 * Exit code 0 when everything that was asked for was measured, whatever the figures; 1 when a
 * benchmark broke off; 2 when the arguments were wrong; 130 when interrupted. A figure that misses
 * its aim is shown as such and fails nothing: time on a shared machine is no test.
 */

import { benchmarks } from './catalogue.js'
import { writeDocument } from './document.js'
import { type Options, parseOptions, usage } from './options.js'
import type { Findings } from './support/findings.js'
import { machine } from './support/machine.js'
import { findingsText } from './support/table.js'

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function runAll(options: Options, signal: AbortSignal): Promise<number> {
  const facts = machine()
  const found: Record<string, Findings & { readonly tookSeconds: number }> = {}
  const failures: Record<string, string> = {}
  const { processor, processors, system, node, load } = facts
  const words = `${processor}, ${processors} processors, ${system}, Node ${node}, load ${load}`
  print(`${words}${options.isQuick ? '; quick: no figure means anything' : ''}`)
  for (const benchmark of benchmarks) {
    const { name, what } = benchmark
    if (!options.names.includes(name)) continue
    print(`\n## ${name}: ${what}\n`)
    const began = performance.now()
    try {
      const findings = await benchmark.run(options, signal)
      const tookSeconds = Math.round((performance.now() - began) / 100) / 10
      found[name] = { ...findings, tookSeconds }
      print(`${findingsText(findings)}\n\n(${tookSeconds} s)`)
    } catch (error) {
      if (signal.aborted) throw error
      failures[name] = error instanceof Error ? error.message : String(error)
      print(`broke off: ${error instanceof Error ? error.stack : error}`)
    }
  }
  if (options.write !== undefined) {
    const parts = Object.entries(found).map(([name, findings]) => {
      return [name, `${words}\n\n${findingsText(findings)}`] as const
    })
    writeDocument(options.write, new Map(parts))
  }
  const isQuick = options.isQuick
  if (options.isJson)
    print(JSON.stringify({ machine: facts, isQuick, benchmarks: found, failures }))
  return Object.keys(failures).length === 0 ? 0 : 1
}

async function main(): Promise<number> {
  const names = benchmarks.map(({ name }) => name)
  const options = parseOptions(process.argv.slice(2), names)
  if (options === undefined) {
    print(help())
    return 0
  }
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => interrupt.abort(new Error(`ended by ${name}`)))
  }
  try {
    return await runAll(options, interrupt.signal)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    process.stderr.write('interrupted; every process of the run is ended\n')
    return 130
  }
}

function help(): string {
  const list = benchmarks.map(({ name, what }) => `  ${name.padEnd(14)} ${what}`)
  return `${usage}\n${list.join('\n')}`
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${help()}\n`)
    process.exit(2)
  },
)
