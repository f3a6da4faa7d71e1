/**
 * Every scenario of test/scenarios/, replayed: sequences that the rules were written for, and those
 * that a seed has found.
 *
 * How one is written and what it checks stands in docs/TESTING.md.
 */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { scenarioFolder, scenarioNames } from './swarm/scenario-file.js'
import type { Replayed } from './swarm/scenario-thread.js'

t.setTimeout(120_000)

t.test('every scenario keeps every promise', async (t) => {
  const paths = scenarioNames().map((name) => `${scenarioFolder}/${name}.json`)
  const url = new URL('./swarm/scenario-thread.js', import.meta.url)
  const worker = new Worker(url, { workerData: paths })
  const seen: string[] = []
  worker.on('message', ({ path, runs, violations }: Replayed) => {
    seen.push(path)
    t.same(violations, [], `${path}, ${runs} runs; npm run sim -- --replay ${path} --trace`)
  })
  await once(worker, 'exit')
  t.same(seen, paths, 'all were replayed')
  t.ok(paths.length > 0, 'and there are some')
})
