import { isUuid } from '../../domain/uuid.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { ProjectedMessages } from '../../projection/read/projected-messages.js';
import { readEvents } from '../timeline/log-reads.js';
import type { Finding } from './findings.policy.js';
import { checkRow, type ExpectedMessage } from './row-check.policy.js';

const AT_ONCE = 500;
const PAGE_OF_ROWS = 1_000;

/** Compares the log's messages with PostgreSQL's rows, some hundred at a time, and at the end their numbers. */
export class RowComparison {
  private readonly waiting: ExpectedMessage[] = [];

  /** @param applied the sequence up to which the tables are; they do not have later events yet */
  constructor(
    private readonly log: EventLog,
    private readonly projected: ProjectedMessages,
    private readonly applied: number,
    private readonly found: (finding: Finding) => void,
  ) {}

  add(message: ExpectedMessage): void {
    if (message.state.lastSequence <= this.applied && isMessageId(message.state.id))
      this.waiting.push(message);
  }

  async whenMany(): Promise<void> {
    if (this.waiting.length >= AT_ONCE) await this.compare();
  }

  async compare(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, AT_ONCE);
      const ids = batch.map(({ state }) => state.id);
      const [rows, results] = await Promise.all([this.projected.states(ids), this.projected.results(ids)]);
      const missing = ids.filter((id) => !rows.has(id));
      const erased = missing.length === 0 ? new Set<string>() : await this.projected.erased(missing);
      for (const message of batch) {
        const { id } = message.state;
        if (erased.has(id)) continue;
        const expected = { ...message, state: this.projected.asStored(message.state) };
        for (const finding of checkRow(expected, rows.get(id) ?? null, results.get(id) ?? null))
          this.found(finding);
      }
    }
  }
  /** Only for tables that are as far as the log: they must have as many messages and events, and no other ones. */
  async compareCounts(
    walked: { readonly messages: number; readonly messageEvents: number },
    target: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { projected, found } = this;
    const counts = await projected.counts(target);
    // During an erasure, the log still holds events that the index has lost already.
    if (counts.events !== walked.messageEvents && !(await projected.erasing(target))) {
      const detail = `${counts.events} events of messages in PostgreSQL, ${walked.messageEvents} in the log`;
      found({ rule: 'index_differs', sequence: null, subject: null, detail });
    }
    // To look up each row takes long, and is only of use if there are too many.
    if (counts.messages <= walked.messages) return;
    let after: string | null = null;
    do {
      signal.throwIfAborted();
      const page = await projected.receptions(after, target, PAGE_OF_ROWS);
      await this.findUnreceived(page);
      after = page.length < PAGE_OF_ROWS ? null : page[page.length - 1]!.id;
    } while (after !== null);
  }

  /** Finds rows whose message was never received, as far as the log tells. */
  private async findUnreceived(
    page: readonly { readonly id: string; readonly sequence: number }[],
  ): Promise<void> {
    const stored = await readEvents(
      this.log,
      page.map(({ sequence }) => sequence),
    );
    const received = new Set(stored.map(({ event }) => event.subject));
    for (const { id, sequence } of page) {
      if (received.has(id)) continue;
      const detail = `PostgreSQL says that it was received at sequence ${sequence}`;
      this.found({ rule: 'row_without_event', sequence, subject: id, detail });
    }
  }
}

/** The tables have no message under another id: the service gives out UUIDs in lower case. */
function isMessageId(id: string): boolean {
  return isUuid(id) && id === id.toLowerCase();
}
