export interface Listed {
  readonly id: string;
  readonly createdAtMs: number;
}

export interface ListRequest {
  /** The id of the last one of the page before. */
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export interface ListPage<T> {
  readonly data: readonly T[];
  readonly hasMore: boolean;
}

/**
 * A page of a list in OpenAI's way: by time, and by id where two are of one moment. What lies behind an id that is not
 * there (any more) nobody can say: null.
 */
export function listPage<T extends Listed>(
  all: readonly T[],
  { after, limit, order }: ListRequest,
): ListPage<T> | null {
  const sign = order === 'asc' ? 1 : -1;
  const sorted = [...all].sort(
    (one, other) =>
      sign * (one.createdAtMs - other.createdAtMs || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)),
  );
  const from = after === null ? 0 : sorted.findIndex(({ id }) => id === after) + 1;
  if (after !== null && from === 0) return null;
  return { data: sorted.slice(from, from + limit), hasMore: sorted.length > from + limit };
}
