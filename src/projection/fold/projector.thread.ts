import { parentPort, workerData } from 'node:worker_threads';
import { connectNats } from '../../broker/connect-nats.js';
import { WebhookDues } from '../../broker/webhook-dues.js';
import { openEventLog } from '../../log/jetstream/jetstream-event-log.js';
import { systemSources } from '../../platform/clock.js';
import { createLogger } from '../../platform/logging/logger.js';
import { openDatabase } from '../tables/data-source.js';
import { BATCHING_DELAY_MS, BatchingDelay, WantedPosition } from './batching-delay.js';
import { HeldTurns } from './held-turns.js';
import { Projector } from './projector.js';
import type { FromThread, ThreadStart, ToThread } from './threaded-projector.js';
import { TurnRelay } from './turn-relay.js';
import { WaitingWebhooks } from './waiting-webhooks.js';
import { WebhookRelay } from './webhook-relay.js';

/** Reads only what the fold does not remember, and the turns that are ready. */
const POOL_SIZE = 4;

/**
 * The projector in a thread, with connections of its own: nothing of its work, from the bytes of the broker to the bytes
 * for PostgreSQL, is on the way of messages and requests. Whatever ends it here ends the thread, whose death frees the
 * lock as that of a process does; `ThreadedProjector` starts another.
 */
const port = parentPort!;
const { config, logLevel, traces } = workerData as ThreadStart;
const tell = (message: FromThread) => port.postMessage(message);

// A file has one writer, which is the main thread.
const logger =
  config.logging.file === ''
    ? createLogger(config)
    : createLogger(
        { logging: { ...config.logging, format: 'json' } },
        { write: (line) => tell({ kind: 'logged', line }) },
      );
logger.level = logLevel;
const nats = await connectNats(config, logger, { name: 'llm-message-queue projector' });
const log = await openEventLog(nats, config, logger);
const { url, schema } = config.database;
const dataSource = await openDatabase({ url, schema, poolSize: POOL_SIZE });
const wanted = new WantedPosition();
const projector = new Projector({
  ...{ log, dataSource, logger, sources: systemSources },
  maxBatch: config.projection.max_batch,
  turns: new TurnRelay({ held: new HeldTurns(dataSource), log, sources: systemSources, logger }),
  webhooks: new WebhookRelay({
    ...{ waiting: new WaitingWebhooks(dataSource), dues: new WebhookDues(nats, systemSources.nowMs) },
    ...{ sources: systemSources, logger },
  }),
  delay: new BatchingDelay(BATCHING_DELAY_MS, wanted),
  announce: (sequence, run) => {
    wanted.reached(sequence);
    tell({ kind: 'applied', sequence, run });
  },
  onChanged: (changes) => tell({ kind: 'changed', changes }),
  onStopped: (stop) => tell({ kind: 'stopped', stop }),
  onHealth: (health) => tell({ kind: 'health', health }),
  onTraced: traces ? (traced) => tell({ kind: 'traced', traced }) : undefined,
});

port.on('message', (message: ToThread) => {
  if (message.kind === 'wanted') wanted.heard(message.sequence);
  else if (message.kind === 'watch') projector.watch();
  else void stop();
});
projector.start();

async function stop(): Promise<void> {
  await projector.stop();
  await log.close();
  await nats.close();
  await dataSource.destroy();
  // Of this thread, not of the process.
  process.exit();
}
