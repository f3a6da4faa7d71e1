/**
 * The benchmarks by name, in the order in which `all` runs them.
 */

import { commit } from './data/commit.js'
import { throughput } from './data/throughput.js'
import type { Benchmark } from './support/findings.js'
import { takeover } from './takeover/takeover.js'

export const benchmarks: readonly Benchmark[] = [takeover, commit, throughput]
