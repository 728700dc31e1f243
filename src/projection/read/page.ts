import { isUuid } from '../../domain/uuid.policy.js';

export interface Page<T> {
  readonly data: readonly T[];
  /** Opaque to clients; null on the last page. */
  readonly nextCursor: string | null;
}

/** @param found the rows of the page, and one more where there is a next page */
export function pageOf<T>(found: readonly T[], limit: number, cursorOf: (last: T) => string): Page<T> {
  const data = found.slice(0, limit);
  const last = data[data.length - 1];
  return { data, nextCursor: found.length > limit && last !== undefined ? cursorOf(last) : null };
}

export type PageOrder = 'newest_first' | 'oldest_first';

/** In SQL, with the sign that says what lies behind a row in this order. */
export function directionOf(order: PageOrder): readonly [direction: 'ASC' | 'DESC', behindIs: '<' | '>'] {
  return order === 'newest_first' ? ['DESC', '<'] : ['ASC', '>'];
}

export class InvalidCursorError extends Error {
  readonly code = 'invalid_cursor';
  constructor() {
    super('The cursor was not made by this service.');
  }
}

/** The last row of a page; the next one begins behind it, wherever newer messages have come in meanwhile. */
export interface PageEnd {
  readonly createdAt: Date | string;
  readonly id: string;
}

/** Times that PostgreSQL and JavaScript write alike; no message is from another one. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

const CURSOR = /^(-?[0-9a-z]{1,10})\.(.+)$/;

/** base64url of the time in milliseconds (base 36) and the id. */
export function encodeCursor({ createdAt, id }: PageEnd): string {
  return Buffer.from(`${new Date(createdAt).getTime().toString(36)}.${id}`).toString('base64url');
}

/** @throws {InvalidCursorError} for anything that `encodeCursor` did not make */
export function decodeCursor(cursor: string): PageEnd {
  const [, time, id] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  if (time === undefined || !isUuid(id)) throw new InvalidCursorError();
  const timeMs = Number.parseInt(time, 36);
  if (!(timeMs >= EARLIEST_MS && timeMs <= LATEST_MS)) throw new InvalidCursorError();
  const end = { createdAt: new Date(timeMs), id };
  if (encodeCursor(end) !== cursor) throw new InvalidCursorError();
  return end;
}
