/** What tools write: UUIDs, trace ids, base64, names with dots and colons. Nothing that a log line or a header trips over. */
const WELL_FORMED = /^[A-Za-z0-9._:~+/=@-]{1,128}$/;

/** A client's own id of its request where it is one, else a new one. */
export function requestIdOf(header: string | string[] | undefined, newId: () => string): string {
  return typeof header === 'string' && WELL_FORMED.test(header) ? header : newId();
}
