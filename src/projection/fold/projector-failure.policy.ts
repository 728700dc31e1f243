/**
 * What a projector does about a failure.
 * - `reread`: somebody else moved the checkpoint. Read it, and go on from there at once.
 * - `stop`: it would fail again in the same way, and going on would mean to skip an event. A person has to look.
 * - `retry`: a connection, a server or a disk, which come back. Once more, after a while.
 */
export type ProjectorVerdict = 'reread' | 'stop' | 'retry';

const STOPPING = ['malformed_event', 'orphan_event', 'log_mismatch', 'log_damaged', 'checkpoint_missing'];

/** SQLSTATE classes 22 (data), 23 (constraints) and 42 (names and rights): the statement itself is refused. */
const REFUSED_STATEMENT = /^(22|23|42)[0-9A-Z]{3}$/;

/** @param code an error's code: the service's own, an SQLSTATE, Node's, or empty */
export function projectorVerdict(code: string): ProjectorVerdict {
  if (code === 'projection_fenced') return 'reread';
  if (STOPPING.includes(code) || REFUSED_STATEMENT.test(code)) return 'stop';
  return 'retry';
}
