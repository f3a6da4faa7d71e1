/**
 * SipHash of the addon, and how the addon is loaded and refused.
 *
 * The native unit test has all published vectors; here is shown that JavaScript reaches that code
 * with its bytes in the right order.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { isPairError } from '#lib/errors.js'
import { bindingAbi } from '#lib/native/binding.js'
import { checkBinding, loadBinding, loadFrom } from '#lib/native/load.js'

const key = Uint8Array.from({ length: 16 }, (_, index) => index)
const message = (length: number) => Uint8Array.from({ length }, (_, index) => index)

t.test('published vectors of SipHash-2-4 come out', async (t) => {
  const { siphash } = loadBinding()
  t.equal(siphash(key, message(0)), 0x726fdb47dd0e0e31n)
  t.equal(siphash(key, message(1)), 0x74f839c593dc67fdn)
  t.equal(siphash(key, message(8)), 0x93f5f5799a932462n)
  t.equal(siphash(key, message(15)), 0xa129ca6149be45e5n)
  t.equal(siphash(key, message(63)), 0x958a324ceb064572n)
})

t.test('a key that is not 16 bytes is refused', async (t) => {
  const { siphash } = loadBinding()
  t.throws(() => siphash(new Uint8Array(15), message(1)), RangeError)
  t.throws(() => siphash(new Uint8Array(0), message(1)), RangeError)
})

t.test('the addon of this build carries this contract', async (t) => {
  t.equal(loadBinding().abi, bindingAbi)
  t.equal(loadBinding(), loadBinding())
})

t.test('an addon of another contract is refused with the command that mends it', async (t) => {
  for (const addon of [{ abi: bindingAbi + 1 }, { abi: 0 }, {}, null, undefined, 7]) {
    t.throws(() => checkBinding(addon), {
      code: 'ERR_HOTPAIR_NATIVE',
      message: /cd node_modules\/hotpair && npx node-gyp-build/,
    })
  }
})

t.test('a folder without a binary is refused with the command that builds one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hotpair-load-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  try {
    loadFrom(folder)
    t.fail('loaded something')
  } catch (error) {
    t.ok(isPairError(error) && error.code === 'ERR_HOTPAIR_NATIVE')
    t.match(error, { message: /cd node_modules\/hotpair && npx node-gyp-build/ })
    t.ok(error instanceof Error && error.cause instanceof Error, 'what lay beneath is kept')
  }
})
