import { Inject, Injectable } from '@nestjs/common';
import { settingDurationMs } from '../domain/duration.policy.js';
import { eraseMessages } from '../domain/erasure/erase-messages.decision.js';
import type { ErasedPart } from '../domain/erasure/erasure.events.js';
import { eraseContent, MOST_KEPT } from '../domain/message/erase-content.decision.js';
import type { MessageContentErased, MessageEvent } from '../domain/message/message.events.js';
import { endsAt } from '../domain/message/message.state.js';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { ErasureReader, type OldMessage } from '../projection/read/erasure-reader.js';
import { EventIndex } from '../projection/read/event-index.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';

/** Of one tenant, in one append. */
const ERASED_AT_ONCE = 100;
/** Few, since what is found must still be so when it is decided on. */
const LOOKED_AT = 100;
const STEPS = 5;
const READ_AT_ONCE = 16;
const POSITION_TIMEOUT_MS = 10_000;
/** Clocks differ: a message may come into the tables with an end that is older than what was looked at. */
const CLOCKS_DIFFER_MS = 3_600_000;
const FROM_THE_BEGINNING_MS = 24 * 3_600_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const BY = 'service';
/** Whoever waits for an answer reads it in this time, in whatever process: then it is gone. */
const READ_WITHIN_MS = 5_000;
const REASONS = {
  content: 'retention.content',
  messages: 'retention.messages',
  unkept: 'store: false',
} as const;
type Reason = keyof typeof REASONS;

/**
 * Erases messages by their age, counted from their end (`retention.content`, `retention.messages`), and the content of
 * those that were not to be kept, soon after it. It only decides, in
 * bounded steps, and the eraser takes the records out; a message that goes on meanwhile is left as it is by the fold.
 */
@Injectable()
export class Retention {
  /** Up to where content was looked at: messages that ended before have lost theirs. */
  private behind: Place | null = null;
  private begunAt = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(ErasureReader) private readonly reader: Pick<ErasureReader, 'endedBefore' | 'unkeptBefore'>,
    @Inject(EventIndex) private readonly index: Pick<EventIndex, 'endsOfMessage'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'retention'>,
  ) {}

  /** One step. @throws what the log and PostgreSQL throw; what was not erased is found again */
  async sweep(): Promise<void> {
    const { messages, content } = this.config.retention;
    if (messages !== null) await this.sweepMessages(messages);
    if (content !== null) await this.sweepContent(content);
    await this.sweepUnkept();
  }

  private async sweepUnkept(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      const ended = await this.reader.unkeptBefore(this.before(READ_WITHIN_MS), LOOKED_AT);
      for (const group of groups(ended)) await this.eraseContent(group, 'unkept');
      if (ended.length < LOOKED_AT) return;
    }
  }

  private async sweepMessages(age: string): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      const old = await this.reader.endedBefore(this.ago(age), 'message', null, LOOKED_AT);
      for (const group of groups(old)) await this.erase(group, 'message', [], 'messages');
      if (old.length < LOOKED_AT) return;
    }
  }

  private async sweepContent(age: string): Promise<void> {
    const now = this.sources.steadyMs();
    if (now - this.begunAt > FROM_THE_BEGINNING_MS) {
      this.behind = null;
      this.begunAt = now;
    }
    for (let step = 0; step < STEPS; step += 1) {
      const time = this.ago(age);
      const old = await this.reader.endedBefore(time, 'content', this.behind, LOOKED_AT);
      for (const group of groups(old)) await this.eraseContent(group, 'content');
      const all = old.length < LOOKED_AT;
      const settled = { id: FIRST_ID, endedAt: new Date(Date.parse(time) - CLOCKS_DIFFER_MS).toISOString() };
      this.behind = later(old.at(-1) ?? this.behind, all ? settled : null);
      if (all) return;
    }
  }

  private async eraseContent(messages: readonly OldMessage[], why: Reason): Promise<void> {
    const erased: OldMessage[] = [];
    const left: MessageContentErased[] = [];
    for (let from = 0; from < messages.length; from += READ_AT_ONCE) {
      const some = messages.slice(from, from + READ_AT_ONCE);
      const events = await Promise.all(some.map((message) => this.withoutContent(message, why)));
      for (const [at, event] of events.entries()) {
        if (event === null) continue;
        erased.push(some[at]!);
        left.push(event);
      }
    }
    if (left.length > 0) await this.erase(erased, 'content', left, why);
  }

  /** Null where its events are not all there, since somebody else is erasing it, or would not tell its end. */
  private async withoutContent(message: OldMessage, why: Reason): Promise<MessageContentErased | null> {
    const { id, tenant, lane, lastSequence } = message;
    const sequences = await this.index.endsOfMessage(id, MOST_KEPT / 2);
    const stored = await Promise.all(sequences.map((sequence) => this.log.get(sequence)));
    if (stored.includes(null)) return null;
    const life = stored.map((one) => ({ sequence: one!.sequence, event: one!.event as MessageEvent }));
    const context = { messageId: id, tenant, lane, ...this.now() };
    const erased = eraseContent(context, life, { by: BY, reason: REASONS[why] });
    return erased !== null && endsAt(erased, lastSequence) ? erased : null;
  }

  /** What is left of them goes into the same append: it is told together, or not at all. */
  private async erase(
    messages: readonly OldMessage[],
    part: ErasedPart,
    left: readonly MessageContentErased[],
    why: Reason,
  ): Promise<void> {
    const { newId } = this.sources;
    const reason = REASONS[why];
    const context = { subject: newId(), tenant: messages[0]!.tenant, ...this.now() };
    const decided = eraseMessages(context, { messages, part, by: BY, reason });
    const { firstSequence } = await this.log.append([decided, ...left]);
    // Two positions for each record; the next step is not to find the same messages once more.
    await this.position.waitFor(firstSequence + 2 * left.length, POSITION_TIMEOUT_MS);
  }

  private now() {
    return { now: new Date(this.sources.nowMs()).toISOString(), newId: this.sources.newId };
  }

  private ago(age: string): string {
    return this.before(settingDurationMs(age));
  }

  private before(ageMs: number): string {
    return new Date(Math.max(0, this.sources.nowMs() - ageMs)).toISOString();
  }
}

type Place = Pick<OldMessage, 'id' | 'endedAt'>;

function later(one: Place | null, other: Place | null): Place | null {
  if (one === null || other === null) return one ?? other;
  return one.endedAt >= other.endedAt ? one : other;
}

/** In their order, each of one tenant. */
function groups(messages: readonly OldMessage[]): OldMessage[][] {
  const open = new Map<string, OldMessage[]>();
  const all: OldMessage[][] = [];
  for (const message of messages) {
    const group = open.get(message.tenant);
    if (group !== undefined && group.length < ERASED_AT_ONCE) group.push(message);
    else {
      const begun = [message];
      open.set(message.tenant, begun);
      all.push(begun);
    }
  }
  return all;
}
