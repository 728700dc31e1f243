/**
 * Batches that wait, in the order in which they are taken up: those of tenants with the fewest under way first, so that one
 * tenant's hundred batches don't come before another one's only one. Of one tenant, and of two that are equal, as they came.
 */
export function inTurnOfTenants<T extends { readonly tenant: string }>(
  waiting: readonly T[],
  underWay: readonly { readonly tenant: string }[],
): T[] {
  const before = new Map<string, number>();
  const count = (tenant: string) => {
    const so = before.get(tenant) ?? 0;
    before.set(tenant, so + 1);
    return so;
  };
  for (const { tenant } of underWay) count(tenant);
  const ranked = waiting.map((batch) => ({ batch, rank: count(batch.tenant) }));
  return ranked.sort((one, other) => one.rank - other.rank).map(({ batch }) => batch);
}
