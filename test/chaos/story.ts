import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { isMessageEvent } from '../../src/domain/log-event.events.js';
import { isTerminal, type MessageEvent } from '../../src/domain/message/message.events.js';
import { evolve, type MessageState } from '../../src/domain/message/message.state.js';
import type { StoredEvent } from '../../src/log/event-log.port.js';
import { decodeRecord } from '../../src/log/log-record.js';
import { queryPostgres } from '../support/server-clients.js';
import type { ServiceAddresses } from '../support/service-addresses.js';

/** A message as its log and its tables tell it. */
export interface Story {
  readonly state: MessageState;
  /** Terminal events in the log, counted or not. */
  readonly terminalEvents: number;
  /** The answer of the terminal event that counts; null where it is no completion. */
  readonly answer: string | null;
}

/** Folds the whole log, without any of the service's adapters. */
export async function readStories(addresses: ServiceAddresses): Promise<Map<string, Story>> {
  const stories = new Map<string, Story>();
  for await (const { event, sequence } of readLog(addresses)) {
    if (isMessageEvent(event)) tell(stories, event, sequence);
  }
  return stories;
}

/** Every event that the log holds now, read with the broker's own client. */
export async function* readLog({ nats }: ServiceAddresses): AsyncGenerator<StoredEvent> {
  const connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  try {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info('LLMQ_EVENTS');
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; ) {
      const before = seq;
      const batch = await manager.direct.getBatch('LLMQ_EVENTS', { seq, batch: 1_000 });
      for await (const stored of batch) {
        yield* decodeRecord(stored.data, stored.seq);
        seq = stored.seq + 1;
      }
      // Nothing but erased records up to the end.
      if (seq === before) return;
    }
  } finally {
    await connection.close();
  }
}

function tell(stories: Map<string, Story>, event: MessageEvent, sequence: number): void {
  const before = stories.get(event.subject);
  const state = evolve(before?.state ?? null, event, sequence);
  const counts = isTerminal(event) && state.terminalSequence === sequence;
  stories.set(event.subject, {
    state,
    terminalEvents: (before?.terminalEvents ?? 0) + (isTerminal(event) ? 1 : 0),
    answer:
      counts && event.type === 'llmq.message.completed.v1'
        ? event.data.answer.content
        : (before?.answer ?? null),
  });
}

export interface MessageRow {
  readonly id: string;
  readonly status: string;
  readonly terminal_sequence: number;
  readonly last_sequence: number;
  readonly results: number;
  readonly answer: string | null;
}

/** The projection's rows, read with plain SQL. */
export async function readRows({ databaseUrl }: ServiceAddresses): Promise<Map<string, MessageRow>> {
  const rows = (await queryPostgres(
    databaseUrl,
    `SELECT m.id::text, m.status, m.terminal_sequence::float8, m.last_sequence::float8,
            (SELECT count(*)::int FROM llmq.message_results r WHERE r.message_id = m.id) AS results,
            (SELECT r.answer ->> 'content' FROM llmq.message_results r WHERE r.message_id = m.id) AS answer
       FROM llmq.messages m`,
  )) as MessageRow[];
  return new Map(rows.map((row) => [row.id, row]));
}
