import { NatsError } from './broker.errors.js';

export interface NatsAddress {
  /** `host:port`, at least one. */
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly user: string;
  /** The password, or the token where the user is empty. */
  readonly password: string;
}

interface NatsConfig {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

const DEFAULT_PORT = '4222';
const PROTOCOLS = new Set(['nats:', 'tls:']);

/**
 * Reads `nats://[user[:password]@]host[:port]`, several with commas, as the `nats` command line does; a login in
 * `nats.user` and `nats.password` wins over one in the address, and a user alone in an address is a token.
 * @throws {NatsError} `nats_url_invalid`
 */
export function parseNatsAddress(config: NatsConfig): NatsAddress {
  const urls = config.url
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseUrl);
  const first = urls[0];
  if (first === undefined) throw invalid('it is empty');
  return {
    servers: urls.map((url) => `${url.hostname}:${url.port || DEFAULT_PORT}`),
    tls: urls.some((url) => url.protocol === 'tls:'),
    ...loginOf(config, first),
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(withProtocol(text)) ? new URL(withProtocol(text)) : null;
  // The text may hold a password: it is not repeated in the error.
  if (url === null || url.hostname === '') throw invalid('one of its addresses is not host:port');
  if (!PROTOCOLS.has(url.protocol)) throw invalid(`it begins with ${url.protocol}//`);
  return url;
}

function withProtocol(text: string): string {
  return text.includes('://') ? text : `nats://${text}`;
}

function loginOf(config: NatsConfig, url: URL): Pick<NatsAddress, 'user' | 'password'> {
  if (config.user !== '' || config.password !== '') return { user: config.user, password: config.password };
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  return password === '' ? { user: '', password: user } : { user, password };
}

function invalid(reason: string): NatsError {
  return new NatsError(
    'nats_url_invalid',
    `nats.url (NATS_URL) can't be used: ${reason}. Write nats://host:port, or tls://host:port, several with commas; leave it empty to start the embedded NATS server.`,
  );
}
