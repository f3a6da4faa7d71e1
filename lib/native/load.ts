/**
 * Loads the addon, and refuses one that does not fit, each time with a sentence that says what to
 * do.
 *
 * node-gyp-build finds the binary: a local build first, else the prebuilt one of this platform. No
 * install script exists, so a platform without a prebuilt binary is told the one command that
 * builds it. This is the only file that loads a `.node`; it must not do so while being imported, so
 * that a member without native parts (a simulation, a type check) needs none.
 */

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NativeError } from '../errors.js'
import { type Binding, bindingAbi } from './binding.js'

// From dist/native/ to the folder of the package.
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const buildCommand = 'cd node_modules/hotpair && npx node-gyp-build'

/**
 * The addon of this environment. The first call loads it, later ones get the same.
 *
 * @throws NativeError `ERR_HOTPAIR_NATIVE` when there is no binary for this platform, when it
 * cannot be loaded, or when it was built for another version of the contract.
 */
export function loadBinding(): Binding {
  return checkBinding(loadFrom(root))
}

/** Loads whatever addon node-gyp-build finds under `folder`. */
export function loadFrom(folder: string): unknown {
  const load: (folder: string) => unknown = createRequire(import.meta.url)('node-gyp-build')
  try {
    return load(folder)
  } catch (cause) {
    const where = `${process.platform}-${process.arch}, Node.js ${process.version}`
    throw new NativeError(
      'ERR_HOTPAIR_NATIVE',
      `no binary of the addon can be loaded for ${where}: build it with \`${buildCommand}\``,
      { cause },
    )
  }
}

/** Refuses an addon of another `abi`. */
export function checkBinding(addon: unknown): Binding {
  if (isBinding(addon)) return addon
  throw new NativeError(
    'ERR_HOTPAIR_NATIVE',
    `the addon was built for version ${abiOf(addon)} of its contract and this is version ` +
      `${bindingAbi}: build it anew with \`${buildCommand}\``,
  )
}

function isBinding(addon: unknown): addon is Binding {
  return abiOf(addon) === bindingAbi
}

function abiOf(addon: unknown): unknown {
  return typeof addon === 'object' && addon !== null && 'abi' in addon ? addon.abi : undefined
}
