import { type NatsAddress, parseNatsAddress } from '../../broker/nats-address.js';
import { configFileOf, loadConfig } from '../../platform/config/load-config.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import {
  type EmbeddedPlace,
  embeddedPlace,
  type LookFiles,
  writeLookFiles,
} from '../../platform/embedded/embedded-places.js';
import { DATABASE } from '../../platform/embedded/postgres-cluster.js';
import { analystSchema } from '../../projection/tables/analyst-views.js';
import { serviceUrl } from './service-url.js';
import { quoted, type ServerStatus, type Status } from './status.policy.js';

const ANSWER_MS = 3_000;
const NOT_YET = 'starts with the service';
const NO_READER = 'Logins that may only read come with the next start of the service.';

/** Where everything of the service of this machine is. Starts nothing. */
export async function localStatus(): Promise<Status> {
  const config = loadConfig(process.env, process.cwd(), () => {}, { unsetVariables: 'warn' });
  const { path, isRead } = configFileOf(process.env);
  const place = async (server: 'nats' | 'postgres', url: string) =>
    url === '' ? await embeddedPlace(config.dataDir, server) : null;
  const nats = await place('nats', config.nats.url);
  const postgres = await place('postgres', config.database.url);
  const files = await writeLookFiles(config.dataDir, { nats, postgres });
  const servers = [
    config.nats.url === '' ? embeddedNats(nats, files) : ownNats(parseNatsAddress(config.nats)),
    config.database.url === '' ? embeddedPostgres(config, postgres, files) : ownPostgres(config),
  ];
  const configuration = isRead ? path : `the defaults; there is no ${path}`;
  return { configuration, service: await serviceState(config), servers };
}

async function serviceState(config: ServiceConfig): Promise<string> {
  const url = serviceUrl(config);
  if (url === null) return 'at a free port that it chooses (server.port is 0)';
  try {
    const { status } = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return `${url} (${status === 200 ? 'ready' : status === 503 ? 'not ready' : `answers ${status}`})`;
  } catch {
    return `${url} (does not answer)`;
  }
}

function stateOf(place: EmbeddedPlace): string {
  return place.isRunning ? 'embedded, running' : `embedded, not running: ${NOT_YET}`;
}

function notYet(name: string): ServerStatus {
  return { name, address: 'embedded', state: NOT_YET, look: [], logins: [], note: null };
}

function loginsOf({ login, reader }: EmbeddedPlace): ServerStatus['logins'] {
  return [{ what: 'the service', ...login }, ...(reader === null ? [] : [{ what: 'to read', ...reader }])];
}

function embeddedNats(place: EmbeddedPlace | null, { configHome }: LookFiles): ServerStatus {
  if (place === null) return notYet('NATS');
  const nats = `XDG_CONFIG_HOME=${quoted(configHome)} nats --context llmq`;
  return {
    ...{ name: 'NATS', address: `nats://127.0.0.1:${place.port}`, state: stateOf(place) },
    look: place.reader === null ? [] : [`${nats} sub 'llmq.events.>'`],
    logins: loginsOf(place),
    note: place.reader === null ? NO_READER : null,
  };
}

function ownNats({ servers, tls, user, password }: NatsAddress): ServerStatus {
  const urls = servers.map((server) => `${tls ? 'tls' : 'nats'}://${server}`).join(',');
  const login = user === '' ? '' : ` --user ${quoted(user)}`;
  return {
    ...{ name: 'NATS', address: urls, state: 'your own' },
    look: [`nats --server ${quoted(urls)}${login} stream ls`],
    logins:
      password === '' ? [] : [{ what: 'the service', user: user === '' ? '(a token)' : user, password }],
    note: password === '' ? null : `The password or token goes into NATS_PASSWORD or NATS_TOKEN.`,
  };
}

function embeddedPostgres(
  { database: { schema } }: ServiceConfig,
  place: EmbeddedPlace | null,
  { passFile }: LookFiles,
): ServerStatus {
  if (place === null) return notYet('PostgreSQL');
  const where = `host=127.0.0.1 port=${place.port} dbname=${DATABASE} user=${place.reader?.user}`;
  const sql = `SELECT status, count(*) FROM ${analystSchema(schema)}.messages GROUP BY 1`;
  return {
    ...{ name: 'PostgreSQL', state: stateOf(place) },
    address: `127.0.0.1:${place.port}/${DATABASE}, schema ${schema}`,
    look:
      place.reader === null ? [] : [`PGPASSFILE=${quoted(passFile)} psql ${quoted(where)} -c ${quoted(sql)}`],
    logins: loginsOf(place),
    note: place.reader === null ? NO_READER : null,
  };
}

function ownPostgres({ database: { url, schema } }: ServiceConfig): ServerStatus {
  const address = new URL(url);
  const password = decodeURIComponent(address.password);
  const user = decodeURIComponent(address.username);
  address.password = '';
  // A word of the driver's, which other programs refuse.
  address.searchParams.delete('uselibpqcompat');
  address.searchParams.delete('password');
  const shown = `${address.host}${address.pathname}, schema ${schema}`;
  return {
    ...{ name: 'PostgreSQL', address: shown, state: 'your own' },
    look: [`psql ${quoted(address.href)}`],
    logins: password === '' ? [] : [{ what: 'the service', user, password }],
    note: `The role llmq_read may read ${analystSchema(schema)} alone: see "For people who look" in docs/operations.md.`,
  };
}
