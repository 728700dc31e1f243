import type { ConversationEvent } from '../../domain/conversation/conversation.events.js';
import type { ErasureEvent } from '../../domain/erasure/erasure.events.js';
import {
  isAdminEvent,
  isConversationEvent,
  isErasureEvent,
  isMessageEvent,
  isStrayRecord,
  type LogEvent,
  type LogEventType,
} from '../../domain/log-event.events.js';
import { isTerminal, type MessageEvent } from '../../domain/message/message.events.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import { AnnouncedErasures } from '../../log/announced-erasures.js';
import type { StoredEvent } from '../../log/event-log.port.js';
import { positionOf, rangeText, streamSequenceOf } from '../../log/log-position.js';
import {
  gapBetween,
  inBoth,
  inFirstOnly,
  RecordList,
  type RecordRange,
} from '../../log/record-ranges.policy.js';
import type { Finding, Rule } from './findings.policy.js';
import { type CheckedMessage, checkMessageEvent } from './message-check.policy.js';
import type { ExpectedMessage } from './row-check.policy.js';
import { checkSummary, checkTurn, type OpenTurns } from './turn-check.policy.js';

const BEGINNINGS: readonly LogEventType[] = ['llmq.message.received.v1', 'llmq.message.content-erased.v1'];

/** How many ended messages are remembered. Late events mostly come soon after the end. */
const REMEMBERED_ENDED = 20_000;

export interface LogCheckUse {
  readonly found: (finding: Finding) => void;
  /** Called with each message when it ends, and after the walk with those that did not end. */
  readonly settled: (message: ExpectedMessage) => void;
  /** Reads the message's events before a sequence, for a message that is no longer remembered. */
  readonly recall: (id: string, before: number) => Promise<readonly StoredEvent[]>;
  /** Whether a message or a conversation was erased, as PostgreSQL knows it now. */
  readonly wasErased: (id: string) => Promise<boolean>;
}

/**
 * Reads the log once. Its memory grows with the messages and turns that are open at one time, not with the log. Beside
 * them it keeps the messages that ended last, and 16 bytes for each range of records that is missing or that an erasure
 * names.
 */
export class LogCheck {
  events = 0;
  messageEvents = 0;
  messages = 0;
  private readonly open = new Map<string, CheckedMessage>();
  private readonly ended = new Map<string, CheckedMessage>();
  private readonly turns: OpenTurns = new Map();
  private readonly gaps = new RecordList();
  private readonly erasures = new AnnouncedErasures();
  /** What a person let the projection go on without. */
  private readonly accepted = new RecordList();
  private lastRecord = 0;

  constructor(private readonly use: LogCheckUse) {}

  async event({ sequence, event }: StoredEvent): Promise<void> {
    this.events += 1;
    this.passRecord(sequence);
    if (isStrayRecord(event)) this.use.found(strayFinding(sequence, event.data.bytes));
    if (isConversationEvent(event)) await this.conversationEvent(event, sequence);
    if (isErasureEvent(event)) this.erasureEvent(event);
    if (isMessageEvent(event)) await this.messageEvent(event, sequence);
    this.acceptance(event, sequence);
  }

  /** A record that can't be read is still no gap. */
  malformed(sequence: number, detail: string): void {
    this.passRecord(sequence);
    this.use.found({ rule: 'malformed', sequence, subject: null, detail });
  }

  /** Whether records are missing that no erasure has named so far. */
  lacks(lastSequence: number): boolean {
    return inFirstOnly(this.gapsUpTo(lastSequence), this.erasures.named()).next().done !== true;
  }

  /** For events behind the part that is checked: an erasure that began meanwhile explains gaps, nothing else counts. */
  later(event: LogEvent): void {
    const begins =
      event.type === 'llmq.conversation.erasure-begun.v1' || event.type === 'llmq.erasure.begun.v1';
    if (begins) this.erasures.event(event);
  }

  /** @param lastSequence the log's last sequence; records between the last event and it are missing */
  end(lastSequence: number): void {
    const gaps = this.gapsUpTo(lastSequence);
    const named = this.erasures.named();
    for (const range of inBoth(gaps, named)) this.use.found(rangeFinding('erased', range));
    const unnamed = () => inFirstOnly(gaps, named);
    const accepted = this.accepted.merged();
    for (const range of inBoth(unnamed(), accepted)) this.use.found(rangeFinding('lost', range));
    for (const range of inFirstOnly(unnamed(), accepted)) this.use.found(rangeFinding('gap', range));
    for (const range of inFirstOnly(this.erasures.finished(), gaps)) {
      this.use.found(rangeFinding('not_erased', range));
    }
    for (const { state } of this.open.values()) {
      this.use.settled({ state, answer: null, walkedTo: lastSequence });
    }
  }

  private acceptance(event: LogEvent, sequence: number): void {
    if (!isAdminEvent(event) || event.type !== 'llmq.admin.log-loss-accepted.v1') return;
    const { sequences, tables_up_to: upTo, log_ended_at: end } = event.data;
    for (const [first, last] of sequences) this.accepted.add(streamSequenceOf(first), streamSequenceOf(last));
    if (upTo === null) return;
    const detail = `the log ended at sequence ${end}, PostgreSQL had events up to ${upTo}`;
    this.use.found({ rule: 'lost', sequence, subject: null, detail });
  }

  private gapsUpTo(lastSequence: number): Iterable<RecordRange> {
    const last = gapBetween(this.lastRecord, streamSequenceOf(lastSequence) + 1);
    return last === null ? this.gaps : withOneMore(this.gaps, last);
  }

  private async conversationEvent(event: ConversationEvent, sequence: number): Promise<void> {
    if (event.type === 'llmq.conversation.summarized.v1') {
      const found = checkSummary(this.turns, event, sequence);
      if (found.length > 0 && (await this.use.wasErased(event.subject))) return;
      for (const finding of found) this.use.found(finding);
    } else if (event.type === 'llmq.conversation.erased.v1') {
      for (const id of event.data.message_ids ?? []) this.forget(id);
      this.turns.delete(`${event.tenant} ${event.subject}`);
    } else this.erasures.event(event);
  }

  private erasureEvent(event: ErasureEvent): void {
    if (event.type === 'llmq.erasure.decided.v1') for (const { id } of event.data.messages) this.forget(id);
    else this.erasures.event(event);
  }

  private forget(id: string): void {
    this.open.delete(id);
    this.ended.delete(id);
  }

  private passRecord(sequence: number): void {
    const record = streamSequenceOf(sequence);
    const gap = gapBetween(this.lastRecord, record);
    if (gap !== null) this.gaps.add(gap.from, gap.to);
    this.lastRecord = record;
  }

  private async messageEvent(event: MessageEvent, sequence: number): Promise<void> {
    this.messageEvents += 1;
    const before = await this.known(event, sequence);
    const { message, findings } = checkMessageEvent(before, event, sequence);
    const turns =
      message === null ? [] : checkTurn(this.turns, before?.state ?? null, message.state, event, sequence);
    const found = [...findings, ...turns];
    // During an erasure, only a part of a message's events is left. PostgreSQL knew of it before the log lost any record.
    const ignored = found.length > 0 && (await this.use.wasErased(event.subject));
    if (!ignored) for (const finding of found) this.use.found(finding);
    if (message === null) return;
    const { state } = message;
    if (before === null) this.messages += 1;
    this.remember(message);
    if (isTerminal(event) && state.terminalSequence === sequence) {
      const answer =
        event.type === 'llmq.message.completed.v1' ? { sequence, answer: event.data.answer } : null;
      this.use.settled({ state, answer, walkedTo: null });
    } else if (before === null && isTerminalStatus(state.status)) {
      // What is left of it: its end is told with its beginning.
      this.use.settled({ state, answer: null, walkedTo: null });
    }
  }

  private async known(event: MessageEvent, sequence: number): Promise<CheckedMessage | null> {
    const known = this.open.get(event.subject) ?? this.ended.get(event.subject);
    if (known !== undefined) return known;
    if (BEGINNINGS.includes(event.type)) return null;
    let message: CheckedMessage | null = null;
    for (const earlier of await this.use.recall(event.subject, sequence)) {
      if (!isMessageEvent(earlier.event)) continue;
      message = checkMessageEvent(message, earlier.event, earlier.sequence).message;
    }
    return message;
  }

  private remember(message: CheckedMessage): void {
    const { id, status } = message.state;
    if (!isTerminalStatus(status)) {
      this.ended.delete(id);
      this.open.set(id, message);
      return;
    }
    this.open.delete(id);
    this.ended.set(id, message);
    if (this.ended.size <= REMEMBERED_ENDED) return;
    const [oldest] = this.ended.keys();
    if (oldest !== undefined) this.ended.delete(oldest);
  }
}

function withOneMore(gaps: Iterable<RecordRange>, last: RecordRange): Iterable<RecordRange> {
  return {
    *[Symbol.iterator]() {
      yield* gaps;
      yield last;
    },
  };
}

function strayFinding(sequence: number, bytes: number): Finding {
  const record = streamSequenceOf(sequence);
  const detail = `record ${record} of the stream, ${bytes} bytes, was not written by this service`;
  return { rule: 'stray', sequence, subject: null, detail };
}

function rangeFinding(
  rule: Extract<Rule, 'erased' | 'gap' | 'lost' | 'not_erased'>,
  range: RecordRange,
): Finding {
  const place = rangeText(range);
  const detail = rule === 'not_erased' ? `the log still has ${place}` : `the log has nothing at ${place}`;
  return { rule, sequence: positionOf(range.from, 1), subject: null, detail };
}
