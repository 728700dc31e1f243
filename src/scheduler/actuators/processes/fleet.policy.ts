/** One worker process of this machine, as its supervisor sees it. */
export interface FleetMember {
  /** From 1; the smallest that was free when it was started. */
  readonly place: number;
  /** `waiting`: it ended, and is started again in a while. `starting`: not heard of yet. */
  readonly state: 'waiting' | 'starting' | 'running' | 'draining';
  readonly startedAtMs: number;
  /** Slots that it has, as it says itself; null before it said anything. */
  readonly slots: number | null;
  /** Calls under way. */
  readonly calls: number;
}

export interface FleetOrder {
  readonly slots: number;
  /** Of workers that this supervisor didn't start. */
  readonly slotsElsewhere: number;
  readonly slotsPerWorker: number;
  readonly maxProcesses: number;
}

export interface FleetPlan {
  /** Places of the processes to start. */
  readonly start: readonly number[];
  /** Places of the processes that shall finish what runs and end. */
  readonly drain: readonly number[];
}

/**
 * How many processes it takes is reckoned with the slots that a worker is set to have, not with those that it says it
 * has: where the endpoints have no more places, more workers have no more slots, and would be ordered without end.
 */
export function planFleet(members: readonly FleetMember[], order: FleetOrder): FleetPlan {
  const staying = members.filter(({ state }) => state !== 'draining');
  const lacking = Math.max(0, order.slots - order.slotsElsewhere);
  const wanted = Math.min(order.maxProcesses, Math.ceil(lacking / order.slotsPerWorker));
  const surplus = staying.length - wanted;
  return {
    start: freePlaces(members, -surplus),
    drain: [...staying]
      .sort(leastMissed)
      .slice(0, Math.max(0, surplus))
      .map(({ place }) => place),
  };
}

/** Slots that take calls or will. One that waits to be started again may end once more, and one that drains takes none. */
export function slotsOf(members: readonly FleetMember[], slotsPerWorker: number): number {
  return members
    .filter(({ state }) => state === 'starting' || state === 'running')
    .reduce((sum, { slots }) => sum + (slots ?? slotsPerWorker), 0);
}

function freePlaces(members: readonly FleetMember[], count: number): number[] {
  const taken = new Set(members.map(({ place }) => place));
  const free: number[] = [];
  for (let place = 1; free.length < count; place += 1) if (!taken.has(place)) free.push(place);
  return free;
}

const LEAVES = { waiting: 0, starting: 1, running: 2, draining: 3 };

/** First who has no calls to finish, then the idlest, and of equals the newest. */
function leastMissed(a: FleetMember, b: FleetMember): number {
  return LEAVES[a.state] - LEAVES[b.state] || a.calls - b.calls || b.startedAtMs - a.startedAtMs;
}
