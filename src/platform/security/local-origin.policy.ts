export interface RequestOrigin {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`. */
  readonly fetchSite?: string | undefined;
}

export type OriginVerdict = 'ok' | 'foreign_host' | 'foreign_origin';

const LOOPBACK_NAME = /^(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Whether a request to a service without keys can come from a program of this machine's user, and not from a web page
 * in their browser. A page reaches loopback addresses in two ways:
 * - directly, with the page's own `Origin`;
 * - by DNS rebinding: its own host name is made to resolve to 127.0.0.1, so that the request has the same origin as
 *   the page. Then the `Host` header carries that name.
 * Browsers set both headers themselves and pages can't change them. A GET of another page's comes without an `Origin`
 * (a picture, a script, a link), and is marked by `Sec-Fetch-Site`: `none` is what a person typed.
 */
export function judgeOrigin(request: RequestOrigin, configuredHost: string): OriginVerdict {
  const host = request.host?.toLowerCase();
  if (host !== undefined && !isOwnName(nameOf(host), configuredHost.toLowerCase())) return 'foreign_host';
  const site = request.fetchSite;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'foreign_origin';
  if (request.origin === undefined) return 'ok';
  return request.origin.toLowerCase() === `http://${host}` ? 'ok' : 'foreign_origin';
}

function isOwnName(name: string, configuredHost: string): boolean {
  return LOOPBACK_NAME.test(name) || name === configuredHost || name === `[${configuredHost}]`;
}

/** `host:port` without the port; an IPv6 address keeps its brackets. */
function nameOf(host: string): string {
  return host.replace(/:\d*$/, '');
}
