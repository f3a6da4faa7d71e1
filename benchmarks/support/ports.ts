/**
 * Ports on loopback for pairs that are measured side by side: each drawn once in a run.
 */

import { freePorts } from '../../examples/demo/ports.js'

const taken: number[] = []

/** The control ports of two members; their data ports lie above them. */
export async function controlPorts(): Promise<{ readonly a: number; readonly b: number }> {
  const a = await onePort(3)
  const b = await onePort(3)
  return { a, b }
}

/** The first of `count` neighbouring ports that nobody else of this run was given. */
export async function onePort(count = 1): Promise<number> {
  // Neighbours are kept apart by the widest block that is asked for.
  const port = await freePorts(Math.max(3, count), taken)
  taken.push(port)
  return port
}
