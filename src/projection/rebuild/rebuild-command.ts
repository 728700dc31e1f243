import 'reflect-metadata';
import { connectNats } from '../../broker/connect-nats.js';
import { ensureStreams } from '../../broker/ensure-streams.js';
import { JetStreamEventLog } from '../../log/jetstream/jetstream-event-log.js';
import { systemSources } from '../../platform/clock.js';
import { loadConfig } from '../../platform/config/load-config.js';
import { findAddresses } from '../../platform/embedded/find-addresses.js';
import { createLogger } from '../../platform/logging/logger.js';
import { rebuild } from './rebuild.js';
import { rebuildDisplay } from './rebuild-display.js';
import type { RebuildChoices } from './rebuild-options.js';

/** Larger than the live projector's: nobody waits for a single event here. */
const MAX_BATCH = 20_000;

/** All tables anew from the log, beside a running service or without one. */
export async function runRebuild({ resume, force }: RebuildChoices, signal: AbortSignal): Promise<void> {
  const config = loadConfig(process.env);
  const logger = createLogger(config).child({}, { level: 'warn' });
  const addresses = await findAddresses(config, logger);
  try {
    const nats = await connectNats({ nats: addresses.nats }, logger, { name: 'llm-message-queue rebuild' });
    await ensureStreams(nats, config.nats.replicas);
    const log = new JetStreamEventLog(nats, logger, {
      appendTimeoutMs: config.nats.append_timeout_ms,
      appendBufferBytes: config.nats.append_buffer_bytes,
    });
    const display = rebuildDisplay(process.stderr);
    const startedAt = performance.now();
    try {
      const applied = await rebuild({
        ...{ log, signal, maxBatch: MAX_BATCH, resume, force, sources: systemSources },
        database: { url: addresses.databaseUrl, schema: config.database.schema },
        onProgress: (progress) => display.show(progress),
        onNothingToResume: () =>
          process.stderr.write('There is no interrupted rebuild: this one begins at the start of the log.\n'),
      });
      display.end();
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      process.stdout.write(`The projection is rebuilt up to sequence ${applied}, in ${seconds} s.\n`);
    } finally {
      display.end();
      await log.close();
      await nats.close();
    }
  } finally {
    await addresses.stop();
  }
}
