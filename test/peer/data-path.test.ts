/**
 * When a link is left because its path is dead: beats on another path, and none on its own.
 */

import t from 'tap'
import { DataPath } from '#lib/peer/data-path.js'
import { millis } from '#lib/units.js'
import { HandClock } from './hand-clock.js'

/** A path that is followed, with the beats that came on each since in every window. */
function windows(...came: readonly (readonly number[])[]): number[] {
  const clock = new HandClock()
  const heard = [100, 100]
  const left: number[] = []
  const dead = (path: number) => void left.push(path)
  const path = new DataPath({ clock, windowMs: 500, heard: () => [...heard], dead })
  path.follow(0)
  for (const counts of came) {
    counts.forEach((count, index) => {
      heard[index] = (heard[index] ?? 0) + count
    })
    clock.move(millis(500))
  }
  return left
}

t.test('a path on which nothing comes is left when another one lives', async (t) => {
  t.same(windows([10, 10], [0, 10]), [0])
  t.same(windows([0, 3]), [0], 'three beats prove the other alive')
})

t.test('it is left once, and not watched any more', async (t) => {
  t.same(windows([0, 10], [0, 10], [0, 10]), [0])
})

t.test('a path on which anything comes is kept', async (t) => {
  t.same(windows([1, 10], [10, 10], [1, 0]), [])
})

t.test('when nothing comes on any path it is no matter of paths', async (t) => {
  t.same(windows([0, 0], [0, 2], [0, 0]), [])
})

t.test(
  'beats that are counted anew, because another process sends them, are no silence',
  async (t) => {
    t.same(windows([-100, -90]), [])
  },
)

t.test('without a link nothing is watched', async (t) => {
  const clock = new HandClock()
  const dead = () => t.fail('there is no link')
  const path = new DataPath({ clock, windowMs: 500, heard: () => [0, 0], dead })
  path.follow(1)
  path.forget()
  t.same(clock.delays, [])
})
