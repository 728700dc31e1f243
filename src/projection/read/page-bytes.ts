import type { DataSource } from 'typeorm';
import { databaseOf } from '../tables/data-source.js';

/** A page ends early rather than to be longer. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** How many items, one at least, fit into so many bytes together; the next page begins with the one that does not. */
export function fitting(sizes: readonly number[], maxBytes = MAX_PAGE_BYTES): number {
  let left = maxBytes;
  const first = sizes.findIndex((bytes, at) => {
    left -= bytes;
    return left < 0 && at > 0;
  });
  return first === -1 ? sizes.length : first;
}

/** The bytes that each of these messages has as JSON, or a little less, in the order of the ids. */
export async function messageBytes(dataSource: DataSource, ids: readonly string[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const { schema } = databaseOf(dataSource);
  const rows: { id: string; bytes: string | number }[] = await dataSource.query(
    `SELECT q.message_id AS id, octet_length(q.request::text) + octet_length(q.metadata::text)
          + coalesce(octet_length(r.answer::text), 0)
          -- Where there are several answers, the first one is told twice.
          + coalesce(octet_length(r.answer::text) + octet_length(r.other_choices::text), 0) AS bytes
        FROM "${schema}".message_requests q
        JOIN "${schema}".messages m ON m.id = q.message_id
        LEFT JOIN "${schema}".message_results r
          ON r.message_id = m.id AND r.sequence = m.terminal_sequence
        WHERE q.message_id = ANY($1::uuid[])`,
    [ids],
  );
  const sizes = new Map(rows.map(({ id, bytes }) => [id, Number(bytes)]));
  return ids.map((id) => sizes.get(id) ?? 0);
}
