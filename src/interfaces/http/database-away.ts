/** Socket errors of Node, as they come through the database driver. */
const SOCKET_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EHOSTUNREACH']);
/** PostgreSQL is stopping, was stopped, or starts (57P01 to 57P03); 08 is the class of connection failures; 53300 is full. */
const SERVER_CODES = /^(57P0[123]|08...|53300)$/;
/** What `pg` says of a connection that ended under a query, or that it could not get in time; these have no code. */
const DRIVER_TEXTS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered)/;

/** True when a read failed because PostgreSQL is away, and not because of what was read. */
export function isDatabaseAway(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && (SOCKET_CODES.has(code) || SERVER_CODES.test(code))) return true;
  return typeof message === 'string' && DRIVER_TEXTS.test(message);
}
