/** What the service speaks. Browsers send no headers of one's own with a handshake, so a key may stand beside it. */
export const PROTOCOL = 'llmq.v1';
const KEY_PREFIX = 'llmq.key.';

export interface OfferedProtocols {
  /** Whether the client offers what the service speaks, or leaves it open. */
  readonly understood: boolean;
  readonly key: string | null;
}

/** @param header `Sec-WebSocket-Protocol`, a list with commas */
export function offeredProtocols(header: string | undefined): OfferedProtocols {
  const offered = (header ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
  const key = offered.find((protocol) => protocol.startsWith(KEY_PREFIX))?.slice(KEY_PREFIX.length);
  return {
    understood: offered.length === 0 || offered.includes(PROTOCOL),
    key: key === undefined || key === '' ? null : key,
  };
}

/**
 * Whether a WebSocket may come from a page of this origin. Browsers send `Origin` with every handshake and ask nobody
 * whether the page may connect, as they do for other requests: so the service has to. Other programs send none.
 *
 * The page's scheme does not count: behind a proxy that speaks TLS the service itself does not know its own.
 *
 * @param known those of `server.cors_origins`
 */
export function mayConnectFrom(
  origin: string | undefined,
  host: string | undefined,
  known: ReadonlySet<string>,
): boolean {
  if (origin === undefined || known.has(origin)) return true;
  const page = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return page !== undefined && host !== undefined && page.toLowerCase() === host.toLowerCase();
}

/** The names of the query's parameters, of which the address of a WebSocket has none. */
export function queryNames(url: string): string[] {
  const [, query = ''] = url.split('?', 2);
  return query
    .split('&')
    .map((part) => part.split('=', 1)[0]!.slice(0, 64))
    .filter((name) => name !== '');
}
