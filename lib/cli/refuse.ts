/**
 * How a command refuses to begin: one sentence, how it is called, exit code 2.
 */

export function refuse(why: string, usage: string): never {
  console.error(`hotpair: ${why}\n\n${usage}`)
  process.exit(2)
}
