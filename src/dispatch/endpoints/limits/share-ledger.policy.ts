/**
 * What of an endpoint is limited over all workers together. Requests and tokens are units as places are: one is in use for
 * a call's time, the others for the minute after a call began. So one set of rules serves all three.
 */
export const RESOURCES = ['places', 'rpm', 'tpm'] as const;
/** Those of a minute. */
export const MINUTE_UNITS = ['rpm', 'tpm'] as const;
export type Resource = (typeof RESOURCES)[number];

/** Units of one that is gone, which may have been used up to the last moment. */
export interface Returning {
  readonly resource: Resource;
  readonly units: number;
  /** Until then nobody may use them: milliseconds since the epoch, on the clocks of all. */
  readonly atMs: number;
}

/** Who may use how much of one endpoint. The sum of all never is more than the endpoint's limit when it is written. */
export interface Ledger {
  readonly shares: Readonly<Record<Resource, Readonly<Record<string, number>>>>;
  readonly returning: readonly Returning[];
}

/** A minute, and what clocks of several machines may differ by. */
const LONGEST_AWAY_MS = 120_000;

export const EMPTY_LEDGER: Ledger = { shares: { places: {}, rpm: {}, tpm: {} }, returning: [] };

/** What would come back later than units ever do was written before a clock was set back: it is there by now. */
function isAway({ atMs }: Returning, nowMs: number): boolean {
  return atMs > nowMs && atMs - nowMs <= LONGEST_AWAY_MS;
}

export function unitsOf({ shares }: Ledger, resource: Resource, member: string): number {
  return shares[resource][member] ?? 0;
}

export function free(
  { shares, returning }: Ledger,
  resource: Resource,
  total: number,
  nowMs: number,
): number {
  const held = Object.values(shares[resource]).reduce((sum, units) => sum + units, 0);
  const away = returning.reduce(
    (sum, each) => sum + (each.resource === resource && isAway(each, nowMs) ? each.units : 0),
    0,
  );
  return Math.max(0, total - held - away);
}

/** What nobody has, up to so much, goes to the member. */
export function claimed(
  ledger: Ledger,
  {
    resource,
    member,
    units,
  }: { readonly resource: Resource; readonly member: string; readonly units: number },
  total: number,
  nowMs: number,
): Ledger {
  const more = Math.min(units, free(ledger, resource, total, nowMs));
  const left = { ...ledger, returning: ledger.returning.filter((each) => isAway(each, nowMs)) };
  return more <= 0 ? left : withUnits(left, resource, member, unitsOf(ledger, resource, member) + more);
}

export function handed(
  ledger: Ledger,
  {
    resource,
    from,
    to,
    units,
  }: { readonly resource: Resource; readonly from: string; readonly to: string; readonly units: number },
): Ledger {
  const moved = Math.min(units, unitsOf(ledger, resource, from));
  if (moved <= 0) return ledger;
  const less = withUnits(ledger, resource, from, unitsOf(ledger, resource, from) - moved);
  return withUnits(less, resource, to, unitsOf(less, resource, to) + moved);
}

/** A member that is gone has nothing any more; what it may have used of a minute's units comes back later. */
export function without(ledger: Ledger, member: string, stillUsed: readonly Returning[]): Ledger {
  const gone = RESOURCES.reduce((left, resource) => withUnits(left, resource, member, 0), ledger);
  return { ...gone, returning: [...gone.returning, ...stillUsed.filter(({ units }) => units > 0)] };
}

export function membersOf({ shares }: Ledger): string[] {
  return [...new Set(RESOURCES.flatMap((resource) => Object.keys(shares[resource])))];
}

/**
 * What a member may use where the limit has become smaller than what is given out: each has its part of the new one. The
 * same from the same ledger in every process, so that the limit holds before anybody has written.
 */
export function usable(ledger: Ledger, resource: Resource, member: string, total: number): number {
  const units = unitsOf(ledger, resource, member);
  const sum = Object.values(ledger.shares[resource]).reduce((all, each) => all + each, 0);
  return sum <= total ? units : Math.floor((units * total) / sum);
}

/**
 * What a member gives to another that asks: where it needs none itself, what is asked for or half of what is idle,
 * whichever is more; where it needs them too, what it has above an even part.
 */
export function toGive(asked: {
  readonly units: number;
  readonly idle: number;
  readonly share: number;
  readonly total: number;
  /** How many need more, both of these included. */
  readonly needing: number;
  readonly needsToo: boolean;
}): number {
  const { units, idle, share, total, needing, needsToo } = asked;
  if (idle <= 0) return 0;
  if (needsToo) return Math.max(0, Math.min(idle, share - Math.ceil(total / Math.max(2, needing))));
  return Math.min(idle, Math.max(units, Math.ceil(idle / 2)));
}

function withUnits(ledger: Ledger, resource: Resource, member: string, units: number): Ledger {
  const { [member]: _before, ...others } = ledger.shares[resource];
  const shares = units > 0 ? { ...others, [member]: units } : others;
  return { ...ledger, shares: { ...ledger.shares, [resource]: shares } };
}
