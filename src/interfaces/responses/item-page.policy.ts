import type { Problem } from './chat-of-items.policy.js';

/** The query of a list of items, as it came. */
export interface ItemQuery {
  readonly after?: unknown;
  readonly limit?: unknown;
  readonly order?: unknown;
}

export interface ItemPage<T> {
  readonly object: 'list';
  readonly data: readonly T[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

const DEFAULT_LIMIT = 20;
const MOST = 100;

/**
 * A part of a list, the newest first unless asked otherwise. OpenAI's pages are told by the last id of the one before.
 *
 * @param items the oldest first
 */
export function itemPage<T extends { readonly id: string }>(
  items: readonly T[],
  { after, limit, order }: ItemQuery,
  problems: Problem[],
): ItemPage<T> {
  const most = limit === undefined ? DEFAULT_LIMIT : Number(limit);
  if (!Number.isInteger(most) || most < 1 || most > MOST) {
    problems.push({ field: 'limit', reason: `must be a whole number from 1 to ${MOST}` });
  }
  if (order !== undefined && order !== 'asc' && order !== 'desc') {
    problems.push({ field: 'order', reason: 'must be one of asc, desc' });
  }
  const inOrder = order === 'asc' ? items : [...items].reverse();
  const last = after === undefined ? -1 : inOrder.findIndex(({ id }) => id === after);
  if (after !== undefined && last === -1) {
    problems.push({ field: 'after', reason: 'must be the id of an item of this list' });
  }
  const data = inOrder.slice(last + 1, last + 1 + most);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: last + 1 + data.length < inOrder.length,
  };
}
