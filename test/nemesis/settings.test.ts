/**
 * The nemesis's command line and its last line: what is taken, what is refused and how, and that a
 * run can be given again from what it prints.
 */

import t from 'tap'
import { outcomeJson } from './report.js'
import { nemesisFaults, type Outcome } from './run.js'
import { commandOf, parseSettings } from './settings.js'

const root = { clock: 4_711, why: undefined }
const anybody = { clock: 4_711, why: 'network namespaces need root' }

t.test('without arguments all faults of the machine strike for a minute', async (t) => {
  const wanted = { minutes: 1, seed: 4_711, unit: 'embedded', arbiter: 'none', rate: 2000 } as const
  const all = {
    hangAfterMs: undefined,
    hasNetwork: true,
    faults: nemesisFaults('embedded', true, 'none'),
    json: false,
  }
  t.same(parseSettings([], root), { ...wanted, ...all })
  const own = {
    hangAfterMs: undefined,
    hasNetwork: false,
    faults: nemesisFaults('embedded', false, 'none'),
    json: false,
  }
  t.same(parseSettings([], anybody), { ...wanted, ...own })
  t.notOk(own.faults.includes('cut'), 'there is nothing to cut')
  t.equal(parseSettings(['--help'], root), undefined)
})

t.test('what is wrong is named with its bounds', async (t) => {
  const refused = (args: readonly string[], words: RegExp) =>
    t.throws(() => parseSettings(args, root), { message: words })
  refused(['--minutes', '0'], /--minutes must be a number from 0.1 to 120, not 0/)
  refused(['--seed', '1.5'], /--seed must be a whole number, not 1.5/)
  refused(['--rate', ''], /--rate must be a number from 500 to 10000/)
  refused(['--unit', 'apart'], /--unit must be embedded or process, not apart/)
  refused(['--arbiter', 'raft'], /--arbiter must be none, witness or etcd, not raft/)
  refused(['--faults', 'kill,unit-kill'], /--faults knows here .*; not unit-kill/)
  refused(['--sed', '1'], /--sed/)
  t.throws(() => parseSettings(['--faults', 'cut'], anybody), { message: /not cut/ })
})

t.test('the command that is printed is the same run again', async (t) => {
  const args = ['--minutes', '0.5', '--seed', '7', '--unit', 'process', '--hang-after', '900']
  args.push('--faults', 'kill,cut')
  const settings = parseSettings(args, root)
  if (settings === undefined) throw new Error('there are settings')
  const command = commandOf(settings).split(' ').slice('npm run nemesis --'.split(' ').length)
  t.same(parseSettings(command, root), settings)
})

t.test('the last line has every field, and of violations the first fifty', async (t) => {
  const outcome: Outcome = {
    blows: [{ name: 'kill', silenceMs: 12, tookMs: 900 }],
    ...{ takeovers: 1, outputs: 100, lost: 0, duplicated: 0, twoOpenGates: 0, unjudged: 2 },
    longestSilenceMs: 14,
    splits: [{ storm: 'cut', atS: 3.5, ms: 900, bothRuled: true }],
    violations: Array.from({ length: 60 }, (_, index) => `violation ${index}`),
  }
  const line = JSON.parse(outcomeJson(2, outcome))
  t.match(line, { minutes: 2, faults: 1, takeovers: 1, outputs: 100, lost: 0, duplicated: 0 })
  t.match(line, { twoOpenGates: 0, longestSilenceMs: 14, splits: outcome.splits, unjudged: 2 })
  t.equal(line.violations.length, 50)
})
