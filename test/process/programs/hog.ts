/**
 * Takes one processor for itself, for tests of a busy machine. Ends when its parent is gone.
 */

const parent = process.ppid
let sum = 0
while (process.ppid === parent) for (let index = 0; index < 1e6; index++) sum += index
process.exit(sum > 0 ? 0 : 1)
