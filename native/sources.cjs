// Prints the C++ sources of sources.txt, one a line, for binding.gyp.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

for (const line of readFileSync(join(__dirname, 'sources.txt'), 'utf8').split('\n')) {
  const [kind, path] = line.split(' ')
  if (path && (kind === 'core' || kind === 'addon')) console.log(path)
}
