/** Of the service's own work, which asks every few seconds, there is nothing to learn. */
const UNTRACED = /^\/api\/v1\/(health|metrics)(\/|$)/;

/** Whether requests for this path are in traces: those of the two APIs. */
export function isTracedPath(path: string): boolean {
  return /^\/(api\/)?v1\//.test(path) && !UNTRACED.test(path);
}

/** Of an address as it was asked for, without what is asked in its query. */
export function pathIn(url: string): string {
  const at = url.indexOf('?');
  return at === -1 ? url : url.slice(0, at);
}
