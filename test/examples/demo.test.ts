/**
 * The demo's parts that need no process: a demo whose judge cannot say "not perfect" proves
 * nothing.
 *
 * The oracle, the comparison, the records and the command line, each by itself. The outside world
 * is tried over real sockets in `outside.test.ts`, and with processes in `test/process`.
 */

import t from 'tap'
import { expectedOutputs } from '../../examples/demo/oracle.js'
import { createRandom } from '../../examples/demo/random.js'
import { flights, loadRecords, parseRecords } from '../../examples/demo/records.js'
import { parseSettings } from '../../examples/demo/settings.js'
import { compare } from '../../examples/demo/verdict.js'

const records = loadRecords(flights()).slice(0, 20_000)
const expected = expectedOutputs(records)

t.test('the oracle finds the outliers of the flights', async (t) => {
  const outputs = expectedOutputs(loadRecords(flights()))
  t.ok(outputs.length > 22_500 && outputs.length < 23_500, `${outputs.length} outputs`)
  t.strictSame(outputs.slice(0, expected.length), expected, 'the same for what comes first')
  const [first = ''] = expected
  const { field, value, mean, deviation, count } = JSON.parse(first)
  t.ok(count >= 30)
  t.ok(Math.abs(value - mean) > 2 * deviation, `${field}`)
})

t.test('the oracle has something to say to records of any kind', async (t) => {
  const odd = ['null', '7', '"x"', '[1,2]', '{"a":"1"}', '{"a":{"b":1}}']
  t.strictSame(expectedOutputs(odd), [])
  const steady = Array.from({ length: 40 }, (_, i) => `{"a":${i % 2}}`)
  const outputs = expectedOutputs([...steady, '{"a":9}']).map((line) => JSON.parse(line))
  t.match(outputs, [{ field: 'a', value: 9, mean: 0.5, deviation: 0.5, count: 40, record: 41 }])
})

t.test('the comparison counts what is lost, doubled, out of order and different', async (t) => {
  const of = (...numbers: number[]) => numbers.map((number) => ({ number, data: `${number}` }))
  const all = ['1', '2', '3', '4']
  const none = { lost: 0, duplicated: 0, reordered: 0 }
  t.strictSame(compare(of(1, 2, 3, 4), all), { ...none, identical: true })
  t.strictSame(compare(of(1, 2, 4), all), { ...none, lost: 1, identical: false })
  t.strictSame(compare(of(1, 2, 2, 3, 4), all), { ...none, duplicated: 1, identical: false })
  t.strictSame(compare(of(1, 3, 2, 4), all), { ...none, reordered: 1, identical: false })
  t.strictSame(compare(of(1, 2, 3, 4, 5), all), { ...none, identical: false })
  t.strictSame(compare(of(1, 2, 3, 4), ['1', '2', 'x', '4']), { ...none, identical: false })
})

t.test('records are an array or lines, and what is neither is named', async (t) => {
  t.strictSame(parseRecords('[{"a": 1}, 2]', 'f'), ['{"a":1}', '2'])
  t.strictSame(parseRecords('{"a": 1}\n\n{"b": 2}\n', 'f'), ['{"a":1}', '{"b":2}'])
  t.throws(() => parseRecords('{"a": 1}\n{"b": ', 'f'), /line 2 of f is no JSON/)
  t.throws(() => parseRecords('[1, 2', 'f'), /f is no JSON/)
  t.throws(() => loadRecords('no-such-file.json'), { code: 'ENOENT' })
})

t.test('the command line has defaults, bounds and sentences', async (t) => {
  t.match(parseSettings([], 7), { rate: 5000, seed: 7, runs: 1, short: false, json: false })
  t.match(parseSettings(['--faults', 'kill,restart', '--rate', '10'], 7), {
    faults: ['kill', 'restart'],
    rate: 10,
  })
  t.strictSame(parseSettings(['--faults', 'none'], 7)?.faults, [])
  t.equal(parseSettings(['--help'], 7), undefined)
  t.throws(() => parseSettings(['--rate', '0'], 7), /--rate must be a whole number from 1/)
  t.throws(() => parseSettings(['--seed', ''], 7), /--seed must be/)
  t.throws(() => parseSettings(['--faults', 'flood'], 7), /--faults knows kill, .*; not flood/)
  t.throws(() => parseSettings(['--window', '20', '--heartbeat', '10'], 7), /less than 3/)
  t.throws(() => parseSettings(['--speed', '1'], 7), /--speed/)
})

t.test('the seed decides what is drawn', async (t) => {
  const draw = (seed: number) => Array.from({ length: 50 }, createRandom(seed).next)
  t.strictSame(draw(4), draw(4))
  t.notSame(draw(4), draw(5))
  t.ok(draw(6).every((value) => value >= 0 && value < 1))
  t.strictSame(createRandom(1).shuffled([1, 2, 3]).sort(), [1, 2, 3])
})
