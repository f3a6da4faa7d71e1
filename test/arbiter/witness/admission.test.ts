/**
 * How often one host may knock: forty times at once, then twenty times a second, each for itself.
 */

import t from 'tap'
import { Admission } from '#lib/arbiter/witness/admission.js'
import { millis } from '#lib/units.js'
import { HandClock } from '../../peer/hand-clock.js'

function admitted(admission: Admission, address: string, knocks: number): number {
  return Array.from({ length: knocks }, () => admission.admits(address)).filter(Boolean).length
}

t.test('a burst, then a rate', async (t) => {
  const clock = new HandClock()
  const admission = new Admission(clock)
  t.equal(admitted(admission, '10.0.0.1', 100), 40)
  t.equal(admitted(admission, '10.0.0.2', 100), 40, 'another host is another matter')
  clock.move(millis(1_000))
  t.equal(admitted(admission, '10.0.0.1', 100), 20)
  clock.move(millis(60_000))
  t.equal(admitted(admission, '10.0.0.1', 100), 40, 'quiet for long, it has its burst again')
})

t.test('who knocks on while refused is no worse off than one that waits', async (t) => {
  const clock = new HandClock()
  const admission = new Admission(clock)
  admitted(admission, '10.0.0.1', 1_000)
  let letIn = 0
  for (let ms = 0; ms < 10_000; ms += 10) {
    clock.move(millis(10))
    if (admission.admits('10.0.0.1')) letIn += 1
  }
  t.ok(letIn >= 190 && letIn <= 201, `${letIn} in ten seconds`)
})

t.test('the table is bounded: the host that was quiet longest is forgotten', async (t) => {
  const admission = new Admission(new HandClock())
  t.equal(admitted(admission, 'old', 41), 40)
  t.equal(admitted(admission, 'newer', 41), 40)
  for (let host = 0; host < 1_023; host++) admission.admits(`host ${host}`)
  t.equal(admission.admits('newer'), false, 'still known')
  t.equal(admission.admits('old'), true, 'forgotten')
})
