import { queryPostgres } from '../support/server-clients.js';
import type { ServiceAddresses } from '../support/service-addresses.js';
import { readLog } from './story.js';

/** Where a text can still be read: events of the log as `type@sequence`, and tables of the projection by name. */
export async function tracesOf(addresses: ServiceAddresses, text: string): Promise<string[]> {
  const traces: string[] = [];
  for await (const { event, sequence } of readLog(addresses)) {
    if (JSON.stringify(event).includes(text)) traces.push(`${event.type}@${sequence}`);
  }
  for (const table of await projectionTables(addresses)) {
    const found = await queryPostgres(
      addresses.databaseUrl,
      `SELECT 1 FROM llmq."${table}" r WHERE r::text LIKE '%${text}%' LIMIT 1`,
    );
    if (found.length > 0) traces.push(table);
  }
  return traces;
}

async function projectionTables({ databaseUrl }: ServiceAddresses): Promise<string[]> {
  const rows = (await queryPostgres(
    databaseUrl,
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'llmq'",
  )) as { name: string }[];
  return rows.map(({ name }) => name);
}
