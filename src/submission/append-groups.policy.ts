/** Something whose events must be stored together. */
interface Whole {
  readonly events: { readonly length: number };
}

/** Cuts many into as few appends as hold at most `maxEvents` each, in their order, and never one of them in two. */
export function appendGroups<T extends Whole>(items: readonly T[], maxEvents: number): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    if (groups.length === 0 || item.events.length > room) {
      groups.push([]);
      room = maxEvents;
    }
    groups[groups.length - 1]!.push(item);
    room -= item.events.length;
  }
  return groups;
}
