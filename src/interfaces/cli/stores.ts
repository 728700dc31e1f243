import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { connectNats } from '../../broker/connect-nats.js';
import type { EventLog } from '../../log/event-log.port.js';
import { openEventLog } from '../../log/jetstream/jetstream-event-log.js';
import { loadConfig } from '../../platform/config/load-config.js';
import { findAddresses } from '../../platform/embedded/find-addresses.js';
import { createLogger } from '../../platform/logging/logger.js';
import { EventIndex } from '../../projection/read/event-index.js';
import { ProjectedMessages } from '../../projection/read/projected-messages.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { openDatabase } from '../../projection/tables/data-source.js';

/** The log and the tables, as a command reads them. */
export interface Stores {
  readonly log: EventLog;
  readonly index: EventIndex;
  readonly projected: ProjectedMessages;
  /** @throws {ProjectionBehindError} when the projection does not get there in time */
  projectedUpTo(sequence: number): Promise<void>;
  close(): Promise<void>;
}

const POOL_SIZE = 4;
const BETWEEN_LOOKS_MS = 100;
export const PROJECTION_WAIT_MS = 10_000;

/** The log, with the connection that it is on, and where the tables are. */
export interface OpenLog {
  readonly connection: Awaited<ReturnType<typeof connectNats>>;
  readonly log: EventLog;
  readonly database: { readonly url: string; readonly schema: string };
  close(): Promise<void>;
}

/**
 * Opens what the configuration names, else the embedded servers: those of a running service, or, when none runs, its
 * own for as long as the command lasts.
 */
export async function openLog(env: NodeJS.ProcessEnv): Promise<OpenLog> {
  const config = loadConfig(env);
  const logger: Logger = createLogger(config).child({}, { level: 'warn' });
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of opened.reverse().splice(0)) await end();
  };
  try {
    const addresses = await findAddresses(config, logger);
    opened.push(() => addresses.stop());
    const connection = await connectNats({ nats: addresses.nats }, logger, {
      name: 'llm-message-queue llmq',
    });
    opened.push(() => connection.close());
    const log = await openEventLog(connection, config, logger);
    opened.push(() => log.close());
    const database = { url: addresses.databaseUrl, schema: config.database.schema };
    return { connection, log, database, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The same, with the tables. */
export async function openStores(env: NodeJS.ProcessEnv): Promise<Stores> {
  const { log, database, close } = await openLog(env);
  try {
    const dataSource = await openDatabase({ ...database, poolSize: POOL_SIZE });
    const projected = new ProjectedMessages(dataSource);
    return {
      ...{ log, projected, index: new EventIndex(dataSource) },
      projectedUpTo: (sequence) => untilProjected(projected, sequence),
      close: async () => {
        await dataSource.destroy();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function untilProjected(projected: ProjectedMessages, sequence: number): Promise<void> {
  const deadline = performance.now() + PROJECTION_WAIT_MS;
  while ((await projected.appliedSequence()) < sequence) {
    if (performance.now() >= deadline) throw new ProjectionBehindError(sequence);
    await sleep(BETWEEN_LOOKS_MS);
  }
}
