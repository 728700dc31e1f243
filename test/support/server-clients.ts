import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { jetstream, jetstreamManager } from './jetstream.js';

interface NatsAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

async function withNats<T>(
  { url, user, password }: NatsAddress,
  use: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  const connection = await connect({ servers: url, user, pass: password, reconnect: false, timeout: 60_000 });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** Stores a text in a stream `KEPT`, which is made where it is missing. */
export function storeInNats(address: NatsAddress, text: string): Promise<void> {
  return withNats(address, async (connection) => {
    await (await jetstreamManager(connection)).streams.add({ name: 'KEPT', subjects: ['kept'] });
    await jetstream(connection).publish('kept', text);
  });
}

/** Every text in the stream, in order. */
export function readFromNats(address: NatsAddress): Promise<string[]> {
  return withNats(address, async (connection) => {
    const { streams } = await jetstreamManager(connection);
    const { state } = await streams.info('KEPT');
    const texts: string[] = [];
    for (let seq = 1; seq <= state.last_seq; seq++) {
      const stored = await streams.getMessage('KEPT', { seq });
      if (stored !== null) texts.push(stored.string());
    }
    return texts;
  });
}

export async function queryPostgres(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Stores a text in a table `kept`, which is made where it is missing. */
export async function storeInPostgres(url: string, text: string): Promise<void> {
  await queryPostgres(url, 'CREATE TABLE IF NOT EXISTS kept (at serial, text text)');
  await queryPostgres(url, `INSERT INTO kept (text) VALUES ('${text}')`);
}

export async function readFromPostgres(url: string): Promise<string[]> {
  const rows = (await queryPostgres(url, 'SELECT text FROM kept ORDER BY at')) as { text: string }[];
  return rows.map(({ text }) => text);
}
