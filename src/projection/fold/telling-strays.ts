import type { Logger } from 'pino';
import { isStrayRecord } from '../../domain/log-event.events.js';
import type { EventLog, ReadOptions, StoredEvent } from '../../log/event-log.port.js';
import { streamSequenceOf } from '../../log/log-position.js';

/** The log, with a warning for each record in it that is no event of the service. The fold passes it over. */
export function tellingStrays(log: Pick<EventLog, 'read'>, logger: Logger): Pick<EventLog, 'read'> {
  return {
    async *read(
      fromSequence: number,
      options: ReadOptions,
    ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
      for await (const batch of log.read(fromSequence, options)) {
        for (const { event, sequence } of batch) {
          if (!isStrayRecord(event)) continue;
          logger.warn(
            { sequence, record: streamSequenceOf(sequence), bytes: event.data.bytes },
            'The log holds a record that is no event of this service: somebody published to llmq.events. It is passed over.',
          );
        }
        yield batch;
      }
    },
  };
}
