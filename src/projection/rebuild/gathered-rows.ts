import type {
  ErasedMessages,
  LeftoverEvent,
  SequencedGroupEvent,
} from '../../domain/conversation/conversation.projection.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import {
  type AnalysisRow,
  type AttemptRow,
  type DeadLetterRow,
  mergeAttempt,
  type ProjectedRows,
  type ResultRow,
  type TurnMove,
} from '../../domain/message/message.projection.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { addUsage, type UsageRow } from '../../domain/message/usage.projection.js';
import { mergeWebhook, type WebhookRow } from '../../domain/message/webhook.projection.js';
import { eventWeight, textLength } from '../fold/gathered-batches.js';
import type { Statement } from '../tables/checkpoint.js';
import {
  attempts,
  messageEvents,
  messageRequests,
  messageResults,
  messages,
} from '../tables/message.tables.js';
import type { FoldedRows } from '../write/batch-writer.port.js';
import { conversationStatements, rowStatements } from '../write/row-statements.js';
import { CopyRows } from './copy-rows.js';

/**
 * The rows of many parts of the fold on their way into one transaction. Rows that only are added are encoded at once;
 * of those that change the last counts. Those of messages that are received in this same transaction are new, and can
 * be copied; the others have to find their row.
 */
export class GatheredRows {
  events = 0;
  /** Beside what is encoded. */
  private heldBytes = 0;
  private readonly received = new Set<string>();
  private readonly answered = new Set<string>();
  private readonly copied = {
    requests: new CopyRows(messageRequests),
    events: new CopyRows(messageEvents),
    results: new CopyRows(messageResults),
  };
  private readonly messages = new Map<string, MessageState>();
  private readonly attempts = new Map<string, AttemptRow>();
  private readonly analyses = new Map<string, AnalysisRow>();
  private readonly turnMoves = new Map<string, TurnMove>();
  private readonly results = new Map<string, ResultRow>();
  private readonly deadLetters = new Map<string, DeadLetterRow>();
  private readonly webhooks = new Map<string, WebhookRow>();
  private readonly usage = new Map<string, UsageRow>();
  private readonly conversations = new Map<string, ConversationState>();
  private readonly conversationEvents: SequencedGroupEvent[] = [];
  private erased: ErasedMessages | null = null;
  private readonly leftovers: LeftoverEvent[] = [];

  get bytes(): number {
    const { requests, events, results } = this.copied;
    return this.heldBytes + requests.bytes + events.bytes + results.bytes;
  }

  add({ messages, conversations }: FoldedRows): void {
    this.events += messages.events.length + conversations.events.length;
    this.addAppended(messages);
    for (const [id, state] of messages.messages) this.messages.set(id, state);
    for (const [key, row] of messages.attempts) mergeAttempt(this.attempts, key, row);
    for (const [id, row] of messages.analyses) if (!this.analyses.has(id)) this.analyses.set(id, row);
    for (const [id, row] of messages.turnMoves) this.turnMoves.set(id, row);
    for (const [id, row] of messages.deadLetters) this.deadLetters.set(id, row);
    for (const row of messages.webhooks.values()) mergeWebhook(this.webhooks, row);
    for (const row of messages.usage.values()) addUsage(this.usage, row);
    for (const [id, state] of conversations.conversations) this.conversations.set(id, state);
    for (const stored of conversations.events) {
      this.conversationEvents.push(stored);
      this.heldBytes += eventWeight(stored.event);
    }
    for (const row of conversations.usage.values()) addUsage(this.usage, row);
    this.leftovers.push(...conversations.leftovers);
    // What erases ends its transaction.
    this.erased = conversations.erased;
  }

  private addAppended({ requests, events, results }: ProjectedRows): void {
    for (const row of requests) {
      this.copied.requests.append(row);
      this.received.add(row.messageId);
    }
    for (const stored of events) this.copied.events.append(stored);
    for (const row of results.values()) this.addResult(row);
  }

  /** A message can be answered a second time, after it was requeued. */
  private addResult(row: ResultRow): void {
    if (this.received.has(row.messageId) && !this.answered.has(row.messageId)) {
      this.answered.add(row.messageId);
      this.copied.results.append(row);
    } else {
      this.results.set(row.messageId, row);
      this.heldBytes += textLength(row.answer);
    }
  }

  /** The statements come behind the copies: some of them change copied rows. */
  finish(schema: string): { copies: CopyRows<never>[]; statements: Statement[] } {
    const copied = { messages: new CopyRows(messages), attempts: new CopyRows(attempts) };
    const known = {
      messages: this.withoutReceived(this.messages, ({ id }) => id, copied.messages),
      attempts: this.withoutReceived(this.attempts, ({ messageId }) => messageId, copied.attempts),
    };
    const { analyses, turnMoves, results, deadLetters, webhooks, usage } = this;
    const { conversations, conversationEvents, erased, leftovers } = this;
    const changed = { analyses, turnMoves, results, deadLetters, webhooks, usage };
    const rows: ProjectedRows = { ...known, ...changed, requests: [], events: [] };
    // The sums of both are together already.
    const conversationRows = {
      conversations,
      events: conversationEvents,
      erased,
      leftovers,
      usage: new Map(),
    };
    return {
      copies: Object.values({ ...this.copied, ...copied }) as unknown as CopyRows<never>[],
      statements: [...rowStatements(schema, rows), ...conversationStatements(schema, conversationRows)],
    };
  }

  private withoutReceived<R>(
    rows: ReadonlyMap<string, R>,
    messageOf: (row: R) => string,
    copy: CopyRows<R>,
  ): Map<string, R> {
    const known = new Map<string, R>();
    for (const [key, row] of rows) {
      if (this.received.has(messageOf(row))) copy.append(row);
      else known.set(key, row);
    }
    return known;
  }
}
