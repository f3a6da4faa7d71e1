/**
 * A storm blows over a whole pair until it is whole again, and what the members told meanwhile.
 *
 * It only looks; what is right and what is wrong is for who has asked.
 */

import type { MemberId, Mode, Role } from 'hotpair'
import type { Namespaces, Wire } from '../process/netns/namespaces.js'
import type { Stage, Told } from './stage.js'
import { watchMachine } from './stall.js'
import { type StormName, storms } from './storms.js'

export interface Passage {
  readonly storm: StormName
  /** Who ruled when it began, and who rules when the pair is whole again. */
  readonly before: MemberId
  readonly after: MemberId
  readonly lastsMs: number
  /** On the clock of `performance.now()`. */
  readonly at: number
  /** From its beginning until the pair was whole again. */
  readonly tookMs: number
  /** The longest time without an output. */
  readonly silenceMs: number
  /** The link with the data when it began, and when the pair is whole again. */
  readonly data: { readonly before: Wire; readonly after: Wire }
  /** Each change of a role or a mode: `a primary`, `b loading`, `a solo`. */
  readonly changes: readonly string[]
  /** Each finding but `alive`: `a unreachable`. */
  readonly verdicts: readonly string[]
  /** Members that have become primary. */
  readonly ruled: readonly MemberId[]
  /** The other member ruled before the first one knew that it did no more. */
  readonly bothRuled: boolean
  /** Processes waited for processors most of the time: not all is the storm's doing. */
  readonly isFull: boolean
}

/** Requires: the pair is whole and has a network. */
export async function passThrough(
  stage: Stage,
  storm: StormName,
  { lastsMs, signal }: { readonly lastsMs: number; readonly signal: AbortSignal },
): Promise<Passage> {
  const { members, network } = stage
  const before = members.primary?.member
  if (network === undefined || before === undefined) throw new Error(`no sky for ${storm}`)
  const { words, allows, blow } = storms[storm]
  const wasFull = watchMachine()
  const at = performance.now()
  stage.tell('main', `STORM ${storm} for ${Math.round(lastsMs)} ms: ${words}`)
  const { arbiter } = stage
  // With an arbiter nobody rules beside another, whatever is cut.
  stage.isSplit = allows === 'split' && arbiter === undefined
  if (storm === 'cut-world-primary') stage.excuseSilence()
  const data = dataLinkOf(stage, network)
  await blow({ network, primary: before, data, lastsMs, arbiter, signal })
  stage.tell('main', 'the wires are whole')
  if (storm === 'cut-world-primary') stage.excuseSilence()
  await members.until(() => members.isPaired, `paired again after ${storm}`, signal)
  const until = performance.now()
  const after = members.primary?.member ?? before
  const told = toldSince(stage, at)
  const ruled = told.roles.filter(({ role }) => role === 'primary').map(({ member }) => member)
  stage.gates.judge(stage.isSplit)
  stage.isSplit = false
  return {
    ...{ storm, before, after, lastsMs, at, ruled },
    data: { before: data, after: dataLinkOf(stage, network) },
    tookMs: Math.round(until - at),
    silenceMs: Math.round(stage.sink.silence(at, until)),
    changes: told.changes.map(({ member, what }) => `${member} ${what}`),
    verdicts: told.verdicts.map(({ member, verdict }) => `${member} ${verdict}`),
    bothRuled: haveBothRuled(before, told.roles),
    isFull: wasFull(),
  }
}

// As b has told last, which dials.
function dataLinkOf({ told }: Stage, network: Namespaces): Wire {
  for (const { member, happening } of told.toReversed()) {
    if (member !== 'b' || happening.type !== 'link' || !happening.up) continue
    return network.linkTo(happening.address) ?? 'link0'
  }
  return 'link0'
}

interface RoleTold {
  readonly member: MemberId
  readonly role: Role
}

// The one that ruled has told of another role only after the other one of this.
function haveBothRuled(before: MemberId, roles: readonly RoleTold[]): boolean {
  const other = roles.findIndex(({ member, role }) => member !== before && role === 'primary')
  const left = roles.findIndex(({ member }) => member === before)
  return other >= 0 && (left < 0 || left > other)
}

function toldSince(stage: Stage, at: number) {
  const roles: RoleTold[] = []
  const verdicts: { readonly member: MemberId; readonly verdict: string }[] = []
  const changes: { readonly member: MemberId; readonly what: Role | Mode }[] = []
  for (const { member, happening } of stage.told.filter((each: Told) => each.at >= at)) {
    if (happening.type === 'role') {
      roles.push({ member, role: happening.role })
      changes.push({ member, what: happening.role })
    }
    if (happening.type === 'mode') changes.push({ member, what: happening.mode })
    if (happening.type === 'verdict' && happening.verdict !== 'alive') {
      verdicts.push({ member, verdict: happening.verdict })
    }
  }
  return { roles, verdicts, changes }
}
