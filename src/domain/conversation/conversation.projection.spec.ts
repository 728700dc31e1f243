import fc from 'fast-check';
import { messageEvent } from '../message/message.events.js';
import type { RequestRow } from '../message/message.projection.js';
import { addUsage, type UsageRow } from '../message/usage.projection.js';
import {
  type ConversationEvent,
  type ConversationEventData,
  type ConversationEventType,
  conversationEvent,
} from './conversation.events.js';
import { projectConversations } from './conversation.projection.js';
import {
  type ConversationState,
  mayMove,
  OrphanConversationEventError,
  takesMessages,
} from './conversation.state.js';

const ID = '0195f000-0000-7000-8000-00000000000a';
const START = Date.parse('2026-03-01T08:00:00.000Z');
const at = (second: number) => new Date(START + second * 1_000).toISOString();

type Step = ConversationEvent | 'message' | 'foreign message';

function event<T extends ConversationEventType>(type: T, data: ConversationEventData[T]): ConversationEvent {
  const context = { subject: ID, tenant: 'default', now: at(0), newId: () => 'event' };
  return conversationEvent(context, type, data) as ConversationEvent;
}

const created = event('llmq.conversation.created.v1', {
  ...{ user_id: 'user', title: 'Trip', context: 'Be short.', priority: 'high', model: null },
  ...{ double_texting: 'reject', metadata: { team: 1 } },
});
const renamed = event('llmq.conversation.updated.v1', { changes: { title: null, model: 'm' }, by: 'key' });
const moved = (
  from: 'active' | 'inactive' | 'completed',
  to: 'active' | 'inactive' | 'completed' | 'archived',
) => event('llmq.conversation.state-changed.v1', { from, to, by: 'key', reason: 'asked' });
const summarized = (upTo: number) =>
  event('llmq.conversation.summarized.v1', { up_to_sequence: upTo, summary: `to ${upTo}`, model: 's' });
const accounted = (upTo: number) =>
  event('llmq.conversation.summarized.v1', {
    ...{ up_to_sequence: upTo, summary: `to ${upTo}`, model: 'upstream', endpoint: 'gpu' },
    accounting: {
      ...{ model: 'small', estimated: false, input_tokens: 20, output_tokens: 3, cached_tokens: null },
      ...{ reasoning_tokens: null, price: null, cost_nanos: 7 },
    },
  });
const erased = event('llmq.conversation.erased.v1', {
  by: 'key',
  reason: 'asked',
  messages: 2,
  message_ids: [],
});
const finished = event('llmq.conversation.erasure-finished.v1', { up_to_sequence: 9, events: 3 });

/** Folds steps, cut into batches of the given sizes; the sequence of a step is its place, from 1. */
function fold(steps: readonly Step[], sizes: readonly number[] = [steps.length || 1]) {
  let known = new Map<string, ConversationState>();
  const events: number[] = [];
  const leftovers: number[] = [];
  const usage = new Map<string, UsageRow>();
  for (let from = 0, cut = 0; from < steps.length; cut += 1) {
    const size = sizes[cut % sizes.length]!;
    const numbered = steps
      .slice(from, from + size)
      .map((step, index) => ({ step, sequence: from + index + 1 }));
    const rows = projectConversations(
      known,
      numbered.flatMap(({ step, sequence }) => (typeof step === 'string' ? [] : [{ event: step, sequence }])),
      numbered.flatMap(({ step, sequence }) => (typeof step === 'string' ? [request(step, sequence)] : [])),
    );
    known = new Map([...known, ...rows.conversations]);
    events.push(...rows.events.map(({ sequence }) => sequence));
    leftovers.push(...rows.leftovers.map(({ sequence }) => sequence));
    for (const row of rows.usage.values()) addUsage(usage, row);
    from += size;
  }
  return { state: known.get(ID) ?? null, events, leftovers, usage: [...usage.values()] };
}

function request(step: 'message' | 'foreign message', sequence: number): RequestRow {
  const tenant = step === 'message' ? 'default' : 'other';
  const context = {
    messageId: `m${sequence}`,
    tenant,
    lane: 'normal' as const,
    now: at(sequence),
    newId: () => 'e',
  };
  const event = messageEvent(context, 'llmq.message.received.v1', {
    request: { content: 'hi', model: null, parameters: {} },
    ...{ stream: false, user_id: 'user', conversation_id: ID, requested_priority: null, metadata: {} },
    ...{ timeout_ms: 1, max_retries: 3, deadline: null, source: 'rest' as const },
  });
  return { messageId: context.messageId, sequence, event };
}

describe('projectConversations', () => {
  it('begins with what the conversation was created with', () => {
    expect(fold([created]).state).toMatchObject({
      ...{ id: ID, userId: 'user', title: 'Trip', context: 'Be short.', priority: 'high', model: null },
      ...{
        doubleTexting: 'reject',
        metadata: { team: 1 },
        state: 'active',
        messageCount: 0,
        lastMessageAt: null,
      },
    });
  });

  it('changes only what an update names, and takes null for a value', () => {
    expect(fold([created, renamed]).state).toMatchObject({ title: null, model: 'm', context: 'Be short.' });
  });

  it("counts its own tenant's messages and remembers the last one's time", () => {
    const { state } = fold([created, 'message', 'message', 'foreign message']);
    expect(state).toMatchObject({ messageCount: 2, lastMessageAt: at(3), lastActivityAt: at(3) });
  });

  it('leaves out a move that another one came before', () => {
    const steps = [created, moved('active', 'completed'), moved('active', 'inactive')];
    expect(fold(steps).state).toMatchObject({ state: 'completed' });
    expect(fold([...steps, moved('completed', 'inactive')]).state).toMatchObject({ state: 'completed' });
  });

  it('keeps the summary that reaches furthest', () => {
    const { state } = fold([created, summarized(8), summarized(4)]);
    expect(state?.summary).toEqual({ upToSequence: 8, upToMessageId: null, text: 'to 8', model: 's' });
  });

  it('adds up what all summaries used, and takes it back with the erasure', () => {
    const steps = [created, accounted(8), accounted(4), summarized(9), 'message' as const];
    const row = {
      ...{ hour: '2026-03-01T08:00:00.000Z', tenant: 'default', userId: 'user', keyName: '' },
      ...{ model: 'small', endpoint: 'gpu', messages: 0, summaries: 2 },
      ...{ inputTokens: 40, outputTokens: 6, costNanos: 14 },
    };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }), (sizes) => {
        expect(fold(steps, sizes).usage).toMatchObject([row]);
        const none = { messages: 0, summaries: 0, inputTokens: 0, outputTokens: 0, costNanos: 0 };
        expect(fold([...steps, erased, accounted(10)], sizes).usage).toMatchObject([none]);
      }),
    );
  });

  it('keeps nothing of an erased conversation, and tells what comes too late', () => {
    const { state, events, leftovers } = fold([created, 'message', erased, renamed, 'message', finished]);
    expect(state).toMatchObject({ state: 'erased', userId: null, title: null, context: null, metadata: {} });
    expect(state).toMatchObject({ erasedBy: 'key', messageCount: 2 });
    expect(events).toEqual([1, 3, 6]);
    expect(leftovers).toEqual([4]);
  });

  it('makes the same tombstone when the log holds nothing from before the erasure', () => {
    const whole = fold([created, 'message', erased]).state;
    expect({ ...fold([erased]).state, lastSequence: 3 }).toEqual(whole);
  });

  it('refuses an event of a conversation that was never created', () => {
    expect(() => fold([renamed])).toThrow(OrphanConversationEventError);
  });

  it('gives the same rows however the log is cut, and folds nothing twice', () => {
    const step = fc.constantFrom<Step>(
      ...[created, renamed, summarized(2), summarized(7), erased, finished, 'message' as const],
      ...[moved('active', 'inactive'), moved('inactive', 'active'), moved('active', 'completed')],
      moved('completed', 'archived'),
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), sizes, (steps, cuts) => {
        const log = [created, ...steps];
        const whole = fold(log);
        expect(fold(log, cuts)).toEqual(whole);
        const known = new Map([[ID, whole.state!]]);
        const again = log.flatMap((event, index) =>
          typeof event === 'string' ? [] : [{ event, sequence: index + 1 }],
        );
        expect(projectConversations(known, again, []).conversations.size).toBe(0);
      }),
    );
  });
});

describe('the states of a conversation', () => {
  it('never moves on from archived or erased, and an erased one takes no message', () => {
    for (const to of ['active', 'inactive', 'completed', 'archived'] as const) {
      expect(mayMove('archived', to)).toBe(false);
      expect(mayMove('erased', to)).toBe(false);
      expect(mayMove(to, to)).toBe(false);
    }
    expect(
      ['active', 'inactive', 'completed', 'archived', 'erased'].filter((state) =>
        takesMessages(state as 'active'),
      ),
    ).toEqual(['active', 'inactive']);
  });

  it('can complete an idle conversation, and take up a completed one again, but not put it to sleep', () => {
    expect(mayMove('inactive', 'completed')).toBe(true);
    expect(mayMove('completed', 'active')).toBe(true);
    expect(mayMove('completed', 'inactive')).toBe(false);
  });
});
