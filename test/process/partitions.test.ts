/**
 * Real cuts between real hosts: a member in a network namespace each, two links between them, and
 * a world that reaches both by wires of its own. What each case proves stands in its name.
 *
 * `arbiter: 'none'`: while no link is whole both members may rule (docs/FAILURE-MODEL.md). Then the
 * lower reign yields, and because this source keeps what it has sent and offers it to both, the
 * stream behind the receiver's helper is that of one uninterrupted process all the same. In
 * everything short of that nobody but the primary may rule.
 *
 * CI_LONG=1: every storm blows three times as long, and a member is stopped for 60 s, not for 6.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type ArbiterKind, whyNoArbiter } from '../nemesis/arbiters.js'
import { type Passage, passThrough } from '../nemesis/passage.js'
import { Stage } from '../nemesis/stage.js'
import { type StormName, storms } from '../nemesis/storms.js'
import { Namespaces, whyNoNamespaces } from './netns/namespaces.js'

// Members are processes of their own: what the test runner loads into its children is not theirs.
process.env['NODE_OPTIONS'] = ''
const isLong = process.env['CI_LONG'] === '1'
const why = whyNoNamespaces()
const stopMs = isLong ? 60_000 : 6_000
/** How often a member is stopped until the pair was whole at that moment. */
const mostAttempts = 4
/** The default window: nothing shorter is a silence. */
const windowMs = 500

t.setTimeout(isLong ? 600_000 : 120_000)
t.jobs = 3

interface World {
  readonly seed: number
  readonly arbiter?: 'none' | ArbiterKind
}

/** A pair on hosts of its own, whole, with a stream, which is judged at the end. */
async function withPair(
  t: Test,
  { seed, arbiter = 'none' }: World,
  body: (stage: Stage, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const lines: string[] = []
  const network = await Namespaces.open(seed, arbiter !== 'none')
  // A member that waits for a processor must not look hung: what is tried here is the network.
  const parts = { unit: 'embedded', hangAfterMs: 3_000, network, arbiter } as const
  const print = (line: string) => void lines.push(line)
  const stage = await Stage.open({ seed, rate: 500, seconds: 600, ...parts, print })
  try {
    const { signal } = stage.failure
    await stage.start(signal)
    await body(stage, signal)
    stage.source.stop()
    await stage.finish(signal)
    t.same(stage.stream.flaws, [], 'the stream is that of one uninterrupted process')
    t.same(stage.gates.offences, [], 'no output came from a member that might not send it')
    t.same(stage.problems, [], 'nothing was told that must not be')
    t.ok(stage.stream.count > 0, `${stage.stream.count} outputs`)
  } finally {
    if (!t.passing()) t.comment(lines.join('\n'))
    stage.close()
    network.close()
  }
}

/** Nothing changes, nobody is found missing. On a full machine the standby may be late. */
function isUnmoved(t: Test, passage: Passage): void {
  const { changes, verdicts, isFull } = passage
  if (isFull) isKept(t, passage)
  else t.same({ changes, verdicts }, { changes: [], verdicts: [] }, 'nothing has changed')
}

/** The standby may lose its place and come back; the primary rules on. */
function isKept(t: Test, { before, after, ruled, verdicts, isFull }: Passage): void {
  t.equal(after, before, 'the same member rules')
  t.same(
    [...new Set(ruled)].filter((member) => member !== before),
    [],
    'the other never did',
  )
  // A member without a processor hangs, and is found so.
  const isOfNetwork = (verdict: string) => !(isFull && verdict.endsWith(' hung'))
  t.same(verdicts.filter(isOfNetwork), [], 'nobody was found missing')
  if (isFull) t.comment('the machine was full')
}

/** The standby loses its place, if any time, only until the data goes over the other. */
function isMoved(t: Test, passage: Passage): void {
  isKept(t, passage)
  t.not(passage.data.after, passage.data.before, 'the data goes over the other link')
}

/** Whatever happened meanwhile, one rules and the other one has loaded from it. */
function isReunited(t: Test, { after, changes, silenceMs, bothRuled }: Passage): void {
  const yielded = after === 'a' ? 'b' : 'a'
  t.ok(changes.includes(`${yielded} loading`), `${yielded} has loaded: ${changes.join(', ')}`)
  t.ok(changes.some((change) => change.endsWith(' primary') || change.endsWith(' solo')))
  t.comment(`${silenceMs} ms of silence; ${bothRuled ? 'both ruled' : 'one ruled'}`)
}

interface Case {
  readonly storm: StormName
  readonly proves: string
  readonly ms: number
  readonly look: (t: Test, passage: Passage) => void
}

/** What the members and the stream go through, one after the other. */
async function passAll(t: Test, cases: readonly Case[], world: World): Promise<void> {
  await withPair(t, world, async (stage, signal) => {
    for (const { storm, proves, ms, look } of cases) {
      const lastsMs = isLong ? 3 * ms : ms
      const passage = await passThrough(stage, storm, { lastsMs, signal })
      await t.test(`${storms[storm].words}: ${proves}`, async (t) => {
        look(t, passage)
        t.comment(`whole after ${passage.tookMs} ms, silent for ${passage.silenceMs} ms`)
      })
    }
  })
}

const weather: readonly Case[] = [
  { storm: 'cut-link', proves: 'nothing happens', ms: 1_200, look: isUnmoved },
  { storm: 'double', proves: 'nothing counts twice', ms: 1_000, look: isUnmoved },
  { storm: 'reorder', proves: 'order is not needed', ms: 1_000, look: isUnmoved },
  { storm: 'loss', proves: 'a beat is enough', ms: 1_500, look: isKept },
  { storm: 'delay', proves: 'late is not silent', ms: 1_500, look: isKept },
  { storm: 'flap', proves: 'no silence lasts a window', ms: 1_800, look: isKept },
  { storm: 'cut-data-link', proves: 'the data is moved', ms: 3_000, look: isMoved },
  { storm: 'black-hole', proves: 'beats alone are no takeover', ms: 2_000, look: isKept },
]

const cuts: readonly Case[] = [
  {
    storm: 'cut',
    proves: 'both may rule, and the lower reign yields',
    ms: 1_500,
    look: isReunited,
  },
  { storm: 'unplug', proves: 'the same', ms: 1_500, look: isReunited },
  { storm: 'deaf-standby', proves: 'it rules, and they meet again', ms: 1_500, look: isReunited },
  { storm: 'deaf-primary', proves: 'it goes on, and they meet again', ms: 1_500, look: isReunited },
  { storm: 'cut-world-standby', proves: 'nothing changes', ms: 1_000, look: isUnmoved },
  { storm: 'cut-world-primary', proves: 'it rules on and waits', ms: 1_000, look: isUnmoved },
]

/** Whoever rules afterwards, the other one has loaded from it, and nobody sent beside another. */
function isOne(t: Test, { before, after, changes, silenceMs }: Passage): void {
  const moved = after === before ? 'the same member rules' : 'the other one rules'
  t.comment(`${moved}; ${silenceMs} ms of silence; ${changes.join(', ')}`)
}

/** The primary goes on alone, and its standby comes back. */
function isAlone(t: Test, passage: Passage): void {
  const { before, after, ruled } = passage
  t.equal(after, before, 'the same member rules')
  t.notOk(
    ruled.some((member) => member !== before),
    'the other never did',
  )
}

/** The standby rules, and the former primary loads from it. */
function isTaken(t: Test, { before, after, changes }: Passage): void {
  t.not(after, before, 'the other one rules')
  t.ok(changes.includes(`${before} loading`), changes.join(', '))
}

/** With an arbiter: no cut makes two senders, and its own loss is nobody's. */
const arbitrated: readonly Case[] = [
  { storm: 'arbiter-killed', proves: 'nothing happens', ms: 1_500, look: isUnmoved },
  { storm: 'arbiter-slow', proves: 'nothing happens', ms: 1_500, look: isUnmoved },
  { storm: 'arbiter-cut-standby', proves: 'nothing happens', ms: 1_200, look: isUnmoved },
  { storm: 'arbiter-cut-primary', proves: 'nothing happens', ms: 1_200, look: isUnmoved },
  { storm: 'cut', proves: 'one of them rules', ms: 2_000, look: isOne },
  { storm: 'deaf-standby', proves: 'one of them rules', ms: 2_000, look: isOne },
  { storm: 'deaf-primary', proves: 'one of them rules', ms: 2_000, look: isOne },
  { storm: 'alone-standby', proves: 'the primary goes on', ms: 2_000, look: isAlone },
  { storm: 'alone-primary', proves: 'the standby rules', ms: 3_000, look: isTaken },
  { storm: 'cut-slowly', proves: 'one of them rules', ms: 3_500, look: isOne },
  { storm: 'cut-all', proves: 'nobody rules beside another', ms: 2_000, look: isOne },
]

const skip = why ?? false

t.test('what a network does every day changes nobody', { skip, buffered: true }, async (t) => {
  await passAll(t, weather, { seed: 1 })
})

t.test('cuts between the members, and from the world', { skip, buffered: true }, async (t) => {
  await passAll(t, cuts, { seed: 2 })
})

t.test('a stopped primary, a narrow link, a full machine', { skip, buffered: true }, async (t) => {
  await withPair(t, { seed: 3 }, async (stage, signal) => {
    await t.test(`a primary is stopped for ${stopMs / 1000} s`, async (t) => stop(t, stage, signal))
    await t.test('a standby loads over 1 Mbit/s', async (t) => loadSlowly(t, stage, signal))
    await t.test('four processes that never rest', async (t) => crowd(t, stage, signal))
  })
})

for (const arbiter of ['witness', 'etcd'] as const) {
  const whyNot = skip || whyNoArbiter(arbiter) || false
  t.test(`with a ${arbiter} no cut makes two senders`, { skip: whyNot, buffered: true }, (t) =>
    passAll(t, arbitrated, { seed: arbiter === 'etcd' ? 5 : 4, arbiter }),
  )
}

/** The other takes over after a window; whoever wakes up late hears the higher reign and loads. */
async function stop(t: Test, stage: Stage, signal: AbortSignal): Promise<void> {
  const { members } = stage
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    await members.until(() => members.isPaired, 'paired', signal)
    const stopped = members.primary ?? members.a
    const heir = members.other(stopped)
    const at = performance.now()
    stopped.child?.kill('SIGSTOP')
    try {
      const isDecided = () => ['primary', 'loading', 'fenced'].includes(heir.role)
      await members.until(isDecided, 'the other rules', signal)
      // On a full machine it had given its place up before the blow, and may not rule.
      if (heir.role !== 'primary') continue
      t.ok(performance.now() - at > windowMs * 0.9, 'not before the window is over')
      const told = stage.since(at, 'takeover').map(({ happening }) => happening.verdict)
      t.same(told, ['unreachable'])
      await sleep(stopMs - (performance.now() - at), undefined, { signal })
    } finally {
      stopped.child?.kill('SIGCONT')
    }
    await members.until(() => members.isPaired, 'paired again', signal)
    t.equal(members.primary, heir, 'the heir rules on')
    stage.gates.judge()
    return
  }
  t.fail(`the standby was not in step at any of ${mostAttempts} blows`)
}

/** The load, and the stream behind it, pass through the same narrow link as the beats. */
async function loadSlowly(t: Test, stage: Stage, signal: AbortSignal): Promise<void> {
  const { members, network } = stage
  const primary = members.primary ?? members.a
  const standby = members.other(primary)
  await network?.set(['link0', 'link1'], 'both', { kbits: 1_000, queueMs: 200 })
  await members.kill(standby, signal)
  await members.park(standby, signal)
  members.open(standby)
  await members.until(() => members.isPaired, 'paired over a narrow link', signal)
  t.equal(members.primary, primary, 'the primary rules on')
  await network?.heal()
}

/** Who waits for a processor is late, and no one is lost for that. */
async function crowd(t: Test, stage: Stage, signal: AbortSignal): Promise<void> {
  const { members } = stage
  const { primary } = members
  const hog = fileURLToPath(new URL('programs/hog.js', import.meta.url))
  const at = performance.now()
  const hogs: ChildProcess[] = [1, 2, 3, 4].map(() =>
    spawn(process.execPath, [hog], { stdio: ['pipe', 'ignore', 'inherit'] }),
  )
  try {
    await sleep(isLong ? 10_000 : 2_000, undefined, { signal })
  } finally {
    for (const each of hogs) each.kill('SIGKILL')
  }
  await members.until(() => members.isPaired, 'paired', signal)
  t.equal(members.primary, primary, 'the primary rules on')
  t.same(stage.since(at, 'takeover'), [], 'nobody has taken over')
}
