/**
 * The benchmarks by name, in the order in which `all` runs them.
 */

import { falseAlarms } from './alarms/false-alarms.js'
import { beats } from './beats/beats.js'
import { commit } from './data/commit.js'
import { throughput } from './data/throughput.js'
import { ipc } from './ipc/ipc.js'
import { load } from './load/load.js'
import { reload } from './load/reload.js'
import { outbox } from './outbox/outbox.js'
import type { Benchmark } from './support/findings.js'
import { switchover } from './switchover/switchover.js'
import { takeover } from './takeover/takeover.js'

export const benchmarks: readonly Benchmark[] = [
  takeover,
  switchover,
  commit,
  throughput,
  outbox,
  beats,
  load,
  reload,
  ipc,
  falseAlarms,
]
