import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { workerData } from 'piscina';
import { codeOf } from '../tables/database.errors.js';
import { COPY_BEGINNING, COPY_END } from './copy-rows.js';
import type { CopyFailure, CopyThreadData, CopyTransaction, EncodedTable } from './copy-session.js';
import { connectToFill } from './rebuild-client.js';

let connection: Promise<Client> | undefined;
/** What ended the connection between two transactions: the next query only says that it can't be asked any more. */
let lost: Error | undefined;

/** Writes one transaction. A failure is an answer, since an error that is thrown loses its code on the way. */
export default async function write(transaction: CopyTransaction): Promise<CopyFailure | null> {
  try {
    connection ??= connect();
    await commit(await connection, transaction);
    return null;
  } catch (error) {
    return failureOf(lost ?? (error as Error));
  }
}

async function connect(): Promise<Client> {
  const client = await connectToFill((workerData as CopyThreadData).url);
  client.on('error', (error) => {
    lost ??= error;
  });
  return client;
}

function failureOf(error: Error): CopyFailure {
  const code = codeOf(error);
  const { detail, where } = error as { detail?: string; where?: string };
  return {
    message: error.message,
    ...(code === '' ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
    ...(where === undefined ? {} : { where }),
  };
}

async function commit(client: Client, { first, tables, last }: CopyTransaction): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(first as { text: string });
    for (const table of tables) await copy(client, table);
    for (const statement of last) await client.query(statement as { text: string });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

async function copy(client: Client, { statement, chunks }: EncodedTable): Promise<void> {
  await pipeline(Readable.from([COPY_BEGINNING, ...chunks, COPY_END]), client.query(copyFrom(statement)));
}
