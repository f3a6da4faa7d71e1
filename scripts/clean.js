/**
 * Removes the output folders named on the command line.
 *
 * The compiler leaves the output of a source that was moved or deleted; such a stale file would
 * still be imported, tested and packed. Must be given folders of generated files only.
 */
import { rmSync } from 'node:fs'

for (const folder of process.argv.slice(2)) rmSync(folder, { recursive: true, force: true })
