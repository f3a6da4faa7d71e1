/**
 * The two builds of the addon agree: what users get (binding.gyp) and what is tested
 * (CMakeLists.txt).
 *
 * Both read native/sources.txt, and each has its own list of flags. A flag that stands in one list
 * only would let the tests pass on code that users never run.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../../', import.meta.url))

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The texts in quotes of the first list that `name` opens in binding.gyp. */
function gypList(name: string): readonly string[] {
  const list = new RegExp(`"${name}": \\[([^\\]]*)\\]`).exec(read('binding.gyp'))?.[1] ?? ''
  return [...list.matchAll(/"([^"]+)"/g)].map((found) => found[1] ?? '')
}

/** The words between the brackets of the first call of `command` in CMakeLists.txt. */
function cmakeWords(command: string): readonly string[] {
  const words = new RegExp(`\\b${command}\\(([^)]*)\\)`).exec(read('CMakeLists.txt'))?.[1] ?? ''
  return words.split(/\s+/).filter((word) => word !== '')
}

t.test('both builds compile with the same flags', async (t) => {
  const gyp = gypList('cflags_cc')
  const standard = /set\(CMAKE_CXX_STANDARD (\d+)\)/.exec(read('CMakeLists.txt'))?.[1]
  t.match(read('CMakeLists.txt'), 'set(CMAKE_CXX_EXTENSIONS OFF)')
  t.same([`-std=c++${standard}`, ...cmakeWords('add_compile_options')].sort(), [...gyp].sort())
  t.ok(gyp.includes('-fno-exceptions') && gyp.includes('-fno-rtti'), 'without exceptions and RTTI')
})

t.test('both builds define the same macros for the addon', async (t) => {
  const [target, access, ...macros] = cmakeWords('target_compile_definitions')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is a variable of CMake.
  t.same([target, access], ['${PROJECT_NAME}', 'PRIVATE'])
  t.same([...macros].sort(), [...gypList('defines')].sort())
  t.ok(macros.includes('NAPI_DISABLE_CPP_EXCEPTIONS'))
  const { binary } = JSON.parse(read('package.json'))
  t.same(
    binary.napi_versions.map((version: number) => `NAPI_VERSION=${version}`),
    [macros.find((macro) => macro.startsWith('NAPI_VERSION='))],
  )
})

t.test('native/sources.txt lists every C++ source once, and as what it is', async (t) => {
  const listed = read('native/sources.txt')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const present = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.cpp') && !/^(test|fuzz)\//.test(name))
    .map((name) => `${name.startsWith('addon/') ? 'addon' : 'core'} native/${name}`)
  t.same([...listed].sort(), present.sort())
})

t.test('a test or fuzz program has the name by which CMake finds it', async (t) => {
  for (const kind of ['test', 'fuzz']) {
    const names = readdirSync(join(root, 'native', kind)).filter((name) => name.endsWith('.cpp'))
    t.same(
      names.filter((name) => !name.endsWith(`_${kind}.cpp`)),
      [],
    )
  }
})

t.test('the addon shows Node its entry and nothing else', async (t) => {
  t.match(gypList('ldflags').join(' '), 'version-script=<(module_root_dir)/native/exports.map')
  const shown = /global:([^}]*)local: \*;/.exec(read('native/exports.map'))?.[1] ?? ''
  t.same(shown.trim().split(/;\s*/).filter(Boolean).sort(), [
    'napi_register_module_v1',
    'node_api_module_get_api_version_v1',
  ])
})
