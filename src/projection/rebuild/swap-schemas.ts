import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { readCheckpoint } from '../tables/checkpoint.js';
import { dropSchema, type RebuildSchemas, schemaExists } from './rebuild-schema.js';

/**
 * Between the swap and the drop. A reader that looked up its first table just before the swap takes its further locks
 * within this time; dropping the tables meanwhile, in another order, could be a deadlock.
 */
const BEFORE_DROP_MS = 1_000;

/**
 * Puts the rebuilt tables in the place of the live ones, in one transaction.
 *
 * The lock on the live checkpoint waits for the projector's transaction and then holds back its next one, whose first
 * statement moves the checkpoint. `catchUp` brings the new tables to where the live ones are, so that no reader ever
 * sees a message go back in time. When this commits, the projector's statement looks the name up again, finds the new
 * table with another generation, and fails: nothing of it can get into the old tables, and it begins anew on the new.
 *
 * Readers are not held back: a query under way ends on the old tables, which are dropped behind the last of them.
 */
export async function swapSchemas(
  client: Client,
  { live, next, old }: RebuildSchemas,
  catchUp: (sequence: number) => Promise<void>,
): Promise<void> {
  await client.query('BEGIN');
  try {
    if (await schemaExists(client, live)) {
      await catchUp(await lockLive(client, live));
      await client.query(`ALTER SCHEMA "${live}" RENAME TO "${old}"`);
    }
    await client.query(`ALTER SCHEMA "${next}" RENAME TO "${live}"`);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
  await sleep(BEFORE_DROP_MS);
  await dropSchema(client, old);
}

/** The live position, which stands still from here on; 0 where the live tables are broken, and nothing writes to them. */
async function lockLive(client: Client, live: string): Promise<number> {
  const table = `"${live}".projection_checkpoint`;
  const { rows } = await client.query('SELECT to_regclass($1) AS found', [table]);
  if (rows[0].found === null) return 0;
  await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  const { rowCount } = await client.query(`SELECT 1 FROM ${table}`);
  return rowCount === 0 ? 0 : (await readCheckpoint(client, live)).sequence;
}
