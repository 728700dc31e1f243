import { pino } from 'pino';
import { connectNats } from '../src/broker/connect-nats.js';
import { ensureStreams } from '../src/broker/ensure-streams.js';
import { JetStreamEventLog } from '../src/log/jetstream/jetstream-event-log.js';
import { accepted } from '../test/integration/event-log.samples.js';
import { startTestNats } from '../test/support/test-nats.js';

/** Appends of two events with about 512 bytes each, one client process, fsync on every write. */
const CONTENT = 'x'.repeat(200);
const WARM_UP_MS = 1_000;
const MEASURED_MS = 5_000;

const logger = pino({ level: 'silent' });
const nats = await startTestNats({ syncAlways: true });
try {
  const connection = await connectNats({ nats }, logger);
  await ensureStreams(connection, 1);
  const log = new JetStreamEventLog(connection, logger, {
    appendTimeoutMs: 30_000,
    appendBufferBytes: 64 * 1024 * 1024,
  });
  for (const concurrency of [1, 8, 64, 512]) console.table([await measureAppends(log, concurrency)]);
  console.table([await measureReading(log)]);
  await log.close();
  await connection.close();
} finally {
  await nats.stop();
}

async function measureAppends(log: JetStreamEventLog, concurrency: number) {
  const times: number[] = [];
  let end = performance.now() + WARM_UP_MS + MEASURED_MS;
  const from = performance.now() + WARM_UP_MS;
  let cpu = process.cpuUsage();
  setTimeout(() => {
    cpu = process.cpuUsage();
  }, WARM_UP_MS);
  const caller = async () => {
    // Made once: what making events costs is not the log's.
    const events = accepted({ content: CONTENT });
    while (performance.now() < end) {
      const began = performance.now();
      await log.append(events);
      if (began >= from) times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  end = performance.now();
  const used = process.cpuUsage(cpu);
  const seconds = (end - from) / 1_000;
  times.sort((a, b) => a - b);
  return {
    concurrency,
    'appends/s': Math.round(times.length / seconds),
    'events/s': Math.round((2 * times.length) / seconds),
    'median ms': Number(times[times.length >> 1]?.toFixed(1)),
    'p99 ms': Number(times[Math.floor(times.length * 0.99)]?.toFixed(1)),
    'client CPU µs/event': Number(((used.user + used.system) / (2 * times.length)).toFixed(1)),
  };
}

async function measureReading(log: JetStreamEventLog) {
  const last = await log.lastSequence();
  const end = new AbortController();
  const began = performance.now();
  const cpu = process.cpuUsage();
  let events = 0;
  let batches = 0;
  for await (const batch of log.read(1, { signal: end.signal, maxBatch: 2_000 })) {
    events += batch.length;
    batches += 1;
    if (batch.at(-1)!.sequence >= last) end.abort();
  }
  const used = process.cpuUsage(cpu);
  const seconds = (performance.now() - began) / 1_000;
  return {
    'events read': events,
    'events/s': Math.round(events / seconds),
    'events per batch': Math.round(events / batches),
    'client CPU µs/event': Number(((used.user + used.system) / events).toFixed(1)),
  };
}
