import type { EventContext, MessageEventData } from './message.events.js';
import { evolve, type MessageState } from './message.state.js';
import { note } from './note.decision.js';

const context: EventContext = {
  ...{ messageId: 'm1', tenant: 't', lane: 'normal', now: '2030-01-01T00:00:00.000Z' },
  newId: () => 'e1',
};
const said: MessageEventData['llmq.message.received.v1'] = {
  request: { messages: [{ role: 'user', content: 'Hi' }], model: null, parameters: {} },
  ...{ stream: false, user_id: 'u', conversation_id: 'c1', requested_priority: null, metadata: {} },
  ...{ timeout_ms: 1, max_retries: 0, deadline: null, source: 'openai' },
};

describe('what is only noted', () => {
  it('ends where it begins, and was in no lane', () => {
    const events = note(context, said, 'key');
    expect(events[0].data.request).toEqual({ ...said.request, noted: true });
    let state: MessageState | null = null;
    for (const [at, event] of events.entries()) state = evolve(state, event, at + 1);
    expect(state).toMatchObject({
      ...{ status: 'cancelled', attempts: 0, laneSequence: null, turnSequence: 1, terminalSequence: 2 },
    });
  });
});
