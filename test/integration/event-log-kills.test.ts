import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LogEvent } from '../../src/domain/log-event.events.js';
import type { LogUnavailableError } from '../../src/log/event-log.errors.js';
import type { Appended, StoredEvent } from '../../src/log/event-log.port.js';
import type { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { eventually } from '../support/eventually.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { readUpTo } from './event-log.conformance.js';
import { accepted, cancelled, positions, positionsOf } from './event-log.samples.js';
import { type OpenLog, openLog } from './event-log.test-log.js';

interface Outcome {
  readonly events: readonly LogEvent[];
  readonly keyed: boolean;
  readonly appended: Appended | null;
  readonly error: LogUnavailableError | null;
}

/** More of them: `LLMQ_TEST_KILLS=30`. */
const KILLS = Number(process.env['LLMQ_TEST_KILLS'] ?? 3);
const CALLERS = 24;
const CONTENT = '你好 '.repeat(60);

describe('nats-server killed while appends run', () => {
  let nats: TestNats;
  let logs: OpenLog[];
  beforeEach(async () => {
    nats = await startTestNats({ syncAlways: true });
    logs = [await openLog(nats), await openLog(nats, { appendTimeoutMs: 1_500 })];
  });
  afterEach(async () => {
    for (const { close } of logs) await close();
    await nats.stop();
  });

  it('stores what resolved exactly once, what is unknown at most once, and readers miss and repeat nothing', async () => {
    const end = new AbortController();
    const live = readLive(logs[0]!.log, end.signal);
    const outcomes: Outcome[] = [];
    let running = true;
    const callers = Array.from({ length: CALLERS }, async (_, index) => {
      while (running) outcomes.push(await appendOne(logs[index % logs.length]!.log, index));
    });
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep(300 + Math.random() * 300);
      await nats.kill();
      // Longer than one log's patience, shorter than the other's: both kinds of outcome must come about.
      await sleep(kill % 5 === 1 ? 2_500 : 200);
      await nats.restart();
    }
    // Also on a machine that stores little in a second.
    await eventually(
      () => expect(outcomes.filter(({ appended }) => appended !== null).length).toBeGreaterThan(100),
      { withinMs: 120_000 },
    );
    await sleep(1_000);
    running = false;
    await Promise.all(callers);

    const last = (await logs[0]!.log.append([cancelled()])).firstSequence;
    const stored = await readUpTo(logs[0]!.log, 1, last);
    expect(positions(stored)).toEqual(positionsOf(stored.map(({ event }) => event)));
    expect(stored.at(-1)?.sequence).toBe(last);
    judge(outcomes, stored);

    await waitFor(live.read, last);
    end.abort();
    await live.done;
    expect(positions(live.read)).toEqual(positions(stored));
  });
});

async function appendOne(log: JetStreamEventLog, caller: number): Promise<Outcome> {
  const events = caller % 3 === 0 ? [cancelled({ content: CONTENT })] : accepted({ content: CONTENT });
  const keyed = caller % 4 === 0;
  try {
    const appended = await log.append(events, keyed ? { dedupeKey: events[0]!.id } : undefined);
    return { events, keyed, appended, error: null };
  } catch (error) {
    return { events, keyed, appended: null, error: error as LogUnavailableError };
  }
}

function judge(outcomes: readonly Outcome[], stored: readonly StoredEvent[]): void {
  const places = new Map<string, number[]>();
  for (const { sequence, event } of stored) {
    places.set(event.id, [...(places.get(event.id) ?? []), sequence]);
  }
  const wrong = outcomes.filter(({ events, appended, error }) => {
    const found = events.map(({ id }) => places.get(id) ?? []);
    if (appended !== null) {
      const right = found.every((at, index) => at.length === 1 && at[0] === appended.firstSequence + index);
      return !right || appended.duplicate;
    }
    if (error?.outcome === 'not_stored') return found.some((at) => at.length > 0);
    // All or none, and never twice.
    return (
      error?.outcome !== 'unknown' || found.some((at) => at.length !== found[0]?.length || at.length > 1)
    );
  });
  expect(wrong).toEqual([]);
  expect(outcomes.filter(({ appended }) => appended !== null).length).toBeGreaterThan(100);
  expect(outcomes.filter(({ error }) => error !== null).length).toBeGreaterThan(0);
}

function readLive(log: JetStreamEventLog, signal: AbortSignal) {
  const read: StoredEvent[] = [];
  const done = (async () => {
    for await (const batch of log.read(1, { signal, maxBatch: 200 })) read.push(...batch);
  })();
  return { read, done };
}

async function waitFor(read: readonly StoredEvent[], sequence: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((read.at(-1)?.sequence ?? 0) < sequence) {
    if (Date.now() > deadline)
      throw new Error(`The live reader is at ${read.at(-1)?.sequence}, not at ${sequence}.`);
    await sleep(20);
  }
}
