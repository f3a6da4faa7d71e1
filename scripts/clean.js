// Removes the output folders named on the command line, so that no stale file of a moved source survives a build.
import { rmSync } from 'node:fs'

for (const folder of process.argv.slice(2)) rmSync(folder, { recursive: true, force: true })
