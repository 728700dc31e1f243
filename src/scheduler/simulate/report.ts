import type { Lane } from '../../domain/message/lane.policy.js';
import { eachLane } from '../policy/slots-by-lane.policy.js';
import type { Run } from './simulation.js';

export interface PolicyReport {
  readonly policy: string;
  readonly slotHours: number;
  /** The share of the messages that waited no longer than their lane's target; null for a lane without messages. */
  readonly attainment: Readonly<Record<Lane | 'all', number | null>>;
  readonly changes: number;
  readonly flaps: number;
  readonly longestWaitSeconds: Readonly<Record<Lane | 'all', number>>;
}

export interface Measured {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly waitTargetMs: Readonly<Record<Lane, number>>;
}

/** A change of size against the direction of the one before, within this time of it, is a flap: one of both was wrong. */
const FLAP_MS = 600_000;

export function reportOf(
  policy: string,
  run: Run,
  { fromMs, untilMs, waitTargetMs }: Measured,
): PolicyReport {
  const waits = run.waits.filter(({ atMs }) => atMs >= fromMs);
  const met = waits.filter(({ lane, waitMs }) => waitMs <= waitTargetMs[lane]);
  const of = (lane: Lane) => (one: { lane: Lane }) => one.lane === lane;
  return {
    policy,
    slotHours: run.fleet.slotHours(fromMs, untilMs),
    attainment: {
      ...eachLane((lane) => share(met.filter(of(lane)).length, waits.filter(of(lane)).length)),
      all: share(met.length, waits.length),
    },
    changes: run.sizes.filter(({ atMs }) => atMs >= fromMs && atMs > 0).length,
    flaps: flapsOf(run.sizes, fromMs),
    longestWaitSeconds: {
      ...eachLane((lane) => longest(waits.filter(of(lane)))),
      all: longest(waits),
    },
  };
}

export function flapsOf(sizes: Run['sizes'], fromMs: number): number {
  const moves = sizes.slice(1).map(({ atMs, slots }, at) => ({ atMs, up: slots > sizes[at]!.slots }));
  return moves.filter((move, at) => {
    const before = moves[at - 1];
    return (
      move.atMs >= fromMs &&
      before !== undefined &&
      before.up !== move.up &&
      move.atMs - before.atMs <= FLAP_MS
    );
  }).length;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function longest(waits: readonly { waitMs: number }[]): number {
  return waits.reduce((most, { waitMs }) => Math.max(most, waitMs), 0) / 1000;
}
