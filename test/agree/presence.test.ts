/**
 * What the beat thread reads and writes of a presence stands where lib/wire/presence.ts puts it:
 * a presence that differs in one field differs in that field's bytes and in no other.
 */

import t from 'tap'
import type { Presence } from '#lib/core/state.js'
import { loadBinding } from '#lib/native/load.js'
import { epochOf } from '#lib/units.js'
import { encodePresence, presenceBytes } from '#lib/wire/presence.js'

const { presence: layout, presenceBytes: carried } = loadBinding().facts
const none = epochOf(0)
const nothing: Presence = {
  role: 'starting',
  mode: undefined,
  isBlank: true,
  epoch: none,
  history: undefined,
  draw: 0n,
  drawEcho: 0n,
  inSync: undefined,
  renounced: none,
  askRenounce: none,
  settings: 0n,
  lost: undefined,
}
// A value of which each of the eight bytes that an epoch can have is another one.
const telling = 0x1f_32_43_54_65_76_87

/** Where `change` shows, as one u64; undefined when it shows in any other byte too. */
function shownAt(change: Partial<Presence>, offset: number): bigint | undefined {
  const blank = encodePresence(nothing)
  const bytes = encodePresence({ ...nothing, ...change })
  const isElsewhere = bytes.some(
    (byte, at) => byte !== blank[at] && (at < offset || at >= offset + 8),
  )
  return isElsewhere ? undefined : new DataView(bytes.buffer).getBigUint64(offset, true)
}

t.test('a beat carries a whole presence', async (t) => {
  t.equal(carried, presenceBytes)
})

t.test('the epochs that the beat thread uses stand where it looks', async (t) => {
  for (const field of ['epoch', 'renounced', 'askRenounce'] as const) {
    const shown = shownAt({ [field]: epochOf(telling) }, layout[field])
    t.equal(shown, BigInt(telling), field)
  }
})

t.test('the beat thread knows a primary by its role, and takes no other for one', async (t) => {
  for (const role of ['starting', 'loading', 'standby', 'primary', 'fenced', 'stopped'] as const) {
    const said = encodePresence({ ...nothing, role })[layout.role]
    t.equal(said === layout.primary, role === 'primary', role)
  }
})
