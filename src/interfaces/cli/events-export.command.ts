import { eventFeed, eventLine } from '../../operations/timeline/event-feed.js';
import { type EventOptions, eventFilterOf } from './event-options.js';
import { LineOutput } from './line-output.js';
import type { Stores } from './stores.js';

export interface ExportOptions extends EventOptions {
  readonly output?: string;
  readonly append?: boolean;
}

/** Writes events as NDJSON, and on standard error where to go on. */
export async function exportEvents(
  stores: Stores,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<void> {
  const filter = await eventFilterOf(options, stores.index);
  const output = LineOutput.to(options.output, options.append ?? false);
  let after = options.after ?? 0;
  let count = 0;
  const range = { after, follow: false, signal };
  try {
    for await (const { events, upTo } of eventFeed(stores, filter, range)) {
      await output.write(events.map(eventLine).join(''));
      count += events.length;
      after = upTo;
    }
  } finally {
    await output.end();
    process.stderr.write(`${count} events. To go on: --after ${after}\n`);
  }
}

/** The same, and then live events until it is interrupted. Without `--after` or `--from` it begins at the log's end. */
export async function tailEvents(stores: Stores, options: EventOptions, signal: AbortSignal): Promise<void> {
  const filter = await eventFilterOf(options, stores.index);
  const output = LineOutput.to(undefined, false);
  const fromEnd = options.after === undefined && options.from === undefined;
  const after = fromEnd ? await stores.log.lastSequence() : (options.after ?? 0);
  const range = { after, follow: true, signal };
  for await (const { events } of eventFeed(stores, filter, range)) {
    await output.write(events.map(eventLine).join(''));
  }
}
