/**
 * A process that keeps one processor busy until it is ended: the neighbour that nobody asked for.
 */

import { serve } from '../support/serve.js'

// In slices, so that the end of its parent is noticed.
function burn(): void {
  const until = performance.now() + 50
  while (performance.now() < until) Math.sqrt(until)
  setImmediate(burn)
}

serve({ burn })
