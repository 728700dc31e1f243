/** Where PostgreSQL is, as the configuration can say it: an address, its parts, or an address that parts complete. */
export interface DatabasePlace {
  readonly url: string;
  readonly host: string;
  readonly port: number | null;
  readonly user: string;
  readonly password: string;
  readonly password_env: string;
  readonly dbname: string;
  readonly sslmode: string | null;
}

const PARTS = ['host', 'port', 'user', 'password', 'dbname', 'sslmode'] as const;
type Parts = Readonly<Record<(typeof PARTS)[number], string>>;

/**
 * One address from what is given; an empty one for the embedded PostgreSQL.
 *
 * @param env where `password_env` is looked up
 */
export function databaseUrl(
  place: DatabasePlace,
  env: Readonly<Record<string, string | undefined>>,
): { readonly url: string; readonly problems: readonly string[] } {
  const secret = place.password_env === '' ? '' : (env[place.password_env] ?? '');
  const problems = problemsOf(place);
  const given = partsOf(place, secret);
  const named = PARTS.filter((part) => given[part] !== '');
  if (named.length === 0 || problems.length > 0) return { url: place.url, problems };
  if (place.url === '') {
    return given.host === ''
      ? { url: '', problems: [withoutHost(named)] }
      : { url: written(given, new URLSearchParams()), problems };
  }
  // Told by the check of the URL alone.
  if (!URL.canParse(place.url)) return { url: place.url, problems };
  const address = new URL(place.url);
  const inUrl = partsIn(address);
  const different = named.filter((part) => inUrl[part] !== '' && inUrl[part] !== given[part]);
  if (different.length > 0) return { url: place.url, problems: different.map(twice) };
  const whole = Object.fromEntries(
    PARTS.map((part) => [part, inUrl[part] || given[part]]),
  ) as unknown as Parts;
  return { url: written(whole, address.searchParams), problems };
}

/** A name, an address of IPv4 or IPv6, or the folder of a socket. */
const HOST = /^(\/.*|[\p{L}\p{N}_.-]*|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*)$/iu;

function problemsOf({ host, password, password_env, dbname }: DatabasePlace): string[] {
  const problems: string[] = [];
  if (password !== '' && password_env !== '') {
    problems.push('database.password and database.password_env are both set. Give one of them.');
  }
  if (!HOST.test(host)) {
    problems.push(
      `database.host can't be ${JSON.stringify(host)}; it takes the name or address of a server, or the folder of its socket. The port goes into database.port.`,
    );
  }
  // In the path of a URL these are steps, also when they are encoded, or end it; drivers don't decode the others.
  if (/^\.\.?$|[/?#]/.test(dbname)) {
    problems.push('database.dbname can be neither "." nor "..", and can\'t have "/", "?" or "#" in it.');
  }
  return problems;
}

function withoutHost(named: readonly string[]): string {
  const keys = named.map((part) => `database.${part}`).join(', ');
  return `database.host and database.url are empty, so the embedded PostgreSQL would start, which makes its own user and database: ${keys} would be ignored. Set database.host (DATABASE_HOST), or leave them out.`;
}

function twice(part: string): string {
  return `database.${part} and the same part of database.url are different (neither is shown, they may hold secrets). Give it in one of them.`;
}

function partsOf({ host, port, user, password, dbname, sslmode }: DatabasePlace, secret: string): Parts {
  return {
    ...{ host, user, dbname, password: password || secret },
    ...{ port: port === null ? '' : String(port), sslmode: sslmode ?? '' },
  };
}

function partsIn({ hostname, port, username, password, pathname, searchParams }: URL): Parts {
  return {
    host: searchParams.get('host') || decoded(hostname).replace(/^\[(.*)\]$/, '$1'),
    port: searchParams.get('port') || port,
    user: decoded(username),
    password: decoded(password),
    dbname: decoded(pathname.slice(1)),
    sslmode: searchParams.get('sslmode') ?? '',
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The name is encoded as drivers decode it: they leave `%2B` as it is. What no address can carry is
 * refused before.
 *
 * @param others what else a URL had behind its `?`
 */
function written(parts: Parts, others: URLSearchParams): string {
  const options = new URLSearchParams(others);
  for (const name of ['host', 'port']) options.delete(name);
  // A socket's folder is no host name; drivers take it from here, before the one in front.
  if (parts.host.startsWith('/')) options.set('host', parts.host);
  if (parts.sslmode !== '' && !options.has('sslmode')) {
    options.set('sslmode', parts.sslmode);
    // As PostgreSQL's own programs understand the modes; the driver alone would take `require` for `verify-full`.
    options.set('uselibpqcompat', 'true');
  }
  const host = parts.host.startsWith('/') ? 'localhost' : parts.host;
  const login = [parts.user, parts.password]
    .filter((part) => part !== '')
    .map((part) => encodeURIComponent(part.toWellFormed()));
  const at = login.length === 0 ? '' : `${parts.user === '' ? ':' : ''}${login.join(':')}@`;
  const port = parts.port === '' ? '' : `:${parts.port}`;
  const query = options.size === 0 ? '' : `?${options}`;
  return `postgres://${at}${host.includes(':') ? `[${host}]` : host}${port}/${encodeURI(parts.dbname.toWellFormed())}${query}`;
}
