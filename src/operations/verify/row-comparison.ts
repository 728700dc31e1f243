import { isUuid } from '../../domain/uuid.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { ProjectedMessages } from '../../projection/read/projected-messages.js';
import { readEvents } from '../timeline/log-reads.js';
import type { Finding } from './findings.policy.js';
import { checkRow, type ExpectedMessage } from './row-check.policy.js';

const AT_ONCE = 500;
const PAGE_OF_ROWS = 1_000;

/** Compares the messages of the log with PostgreSQL's rows, some hundred at a time, and at last how many there are. */
export class RowComparison {
  private readonly waiting: ExpectedMessage[] = [];

  /** @param applied as far as the tables had come; later events are not to be found there yet */
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
        for (const finding of checkRow(message, rows.get(id) ?? null, results.get(id) ?? null))
          this.found(finding);
      }
    }
  }
  /** For tables that have come as far as the log: whether they have as many messages and events, and no others. */
  async compareCounts(
    walked: { readonly messages: number; readonly messageEvents: number },
    target: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { projected, found } = this;
    const counts = await projected.counts(target);
    // While an erasure is under way, the log still holds events that the index has no longer.
    if (counts.events !== walked.messageEvents && !(await projected.erasing(target))) {
      const detail = `${counts.events} events of messages in PostgreSQL, ${walked.messageEvents} in the log`;
      found({ rule: 'index_differs', sequence: null, subject: null, detail });
    }
    // Looking each up takes long, and can only find something where there are too many.
    if (counts.messages <= walked.messages) return;
    let after: string | null = null;
    do {
      signal.throwIfAborted();
      const page = await projected.receptions(after, target, PAGE_OF_ROWS);
      await this.findUnreceived(page);
      after = page.length < PAGE_OF_ROWS ? null : page[page.length - 1]!.id;
    } while (after !== null);
  }

  /** Rows of messages of which the log has no reception. */
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

/** Only these are in the tables: ids are given out in lower case. */
function isMessageId(id: string): boolean {
  return isUuid(id) && id === id.toLowerCase();
}
