import type { Api, Asked } from './api.js';

interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

/** What the service gives out in one page at most. */
const PAGE = 100;

/** The first `most` of a list, from as many pages as that takes. */
export async function firstOf<T>(api: Api, path: string, query: Asked['query'], most: number): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  while (items.length < most) {
    const limit = Math.min(PAGE, most - items.length);
    const page: Page<T> = await api.get(path, { ...query, limit, cursor });
    items.push(...page.data);
    if (page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  return items;
}
