import type { Candidate } from './strategy.policy.js';

/** Indexes of those that a call may go to. */
export interface Serving {
  /** Who shares the traffic now, full ones too. */
  readonly members: readonly number[];
  /** Who can take the call: members with room, or, where none has any, who else is not to be kept waiting for. */
  readonly free: readonly number[];
}

export function hasRoom({ taken, places }: Candidate): boolean {
  return taken < places;
}

/**
 * - Only the healthy ones, and of them `backup` only while no primary is healthy: a primary that is merely full is waited
 *   for, since a queue's backlog would otherwise make every backup a primary.
 * - One that comes back takes part in `share` of the choices. In the others it gets the call only if nobody else can
 *   take it: backups go before it while no primary is back wholly, and it goes before letting the call wait.
 *
 * @param takesPart whether one that comes back takes part in this choice
 */
export function serving(
  candidates: readonly Candidate[],
  takesPart: (candidate: Candidate) => boolean,
): Serving {
  const primaries = membersOf('primary', candidates, takesPart);
  if (primaries.free.length > 0) return primaries;
  const returning = () => returningOf('primary', candidates, primaries.members);
  if (primaries.members.length > 0) return { members: primaries.members, free: returning() };
  const backups = membersOf('backup', candidates, takesPart);
  if (backups.free.length > 0) return backups;
  const back = returning();
  if (back.length > 0) return { members: [], free: back };
  return { members: backups.members, free: returningOf('backup', candidates, backups.members) };
}

/** Plain loops, since each choice among many goes through here. */
function membersOf(
  group: Candidate['group'],
  candidates: readonly Candidate[],
  takesPart: (candidate: Candidate) => boolean,
): Serving {
  const members: number[] = [];
  const free: number[] = [];
  for (let index = 0; index < candidates.length; index += 1) {
    const candidate = candidates[index]!;
    if (!candidate.healthy || candidate.group !== group) continue;
    if (candidate.share < 1 && !takesPart(candidate)) continue;
    members.push(index);
    if (hasRoom(candidate)) free.push(index);
  }
  return { members, free };
}

/** Those of the group with room that do not take part in this choice. */
function returningOf(
  group: Candidate['group'],
  candidates: readonly Candidate[],
  members: readonly number[],
): readonly number[] {
  const indexes = [...candidates.keys()];
  return indexes.filter((index) => {
    const candidate = candidates[index]!;
    return candidate.healthy && candidate.group === group && hasRoom(candidate) && !members.includes(index);
  });
}

/** How many calls may begin now, by the same rules: what a worker may take off its lanes for this model. */
export function freePlacesOf(candidates: readonly Candidate[]): number {
  let primary = 0;
  let backup = 0;
  let primaryIsBack = false;
  for (const { healthy, group, share, taken, places } of candidates) {
    if (!healthy) continue;
    const free = Math.max(0, places - taken);
    if (group === 'backup') backup += free;
    else primary += free;
    if (group === 'primary' && share >= 1) primaryIsBack = true;
  }
  return primaryIsBack ? primary : primary + backup;
}
