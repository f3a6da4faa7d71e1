/**
 * The heap against a sorted list, whatever is put in, taken out and dropped.
 */

import fc from 'fast-check'
import t from 'tap'
import { Heap } from '#lib/sync/heap.js'

type Deed = { readonly push: number } | 'shift' | 'drop odd ones' | 'clear'

const deeds = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 50 }) }) },
    { weight: 3, arbitrary: fc.constant<Deed>('shift') },
    { weight: 1, arbitrary: fc.constantFrom<Deed>('drop odd ones', 'clear') },
  ),
  { maxLength: 200, size: 'max' },
)

const isEven = (value: number) => value % 2 === 0

t.test('the least comes first, whatever came and went before', async () => {
  fc.assert(
    fc.property(deeds, (all) => {
      const heap = new Heap<number>((one, other) => one < other)
      let list: number[] = []
      for (const deed of all) {
        if (deed === 'shift') {
          if (heap.shift() !== list.shift()) return false
        } else if (deed === 'clear') {
          heap.clear()
          list = []
        } else if (deed === 'drop odd ones') {
          heap.filter(isEven)
          list = list.filter(isEven)
        } else {
          heap.push(deed.push)
          list = [...list, deed.push].sort((one, other) => one - other)
        }
        if (heap.first !== list[0] || heap.length !== list.length) return false
      }
      return list.every((value) => heap.shift() === value) && heap.length === 0
    }),
  )
})
