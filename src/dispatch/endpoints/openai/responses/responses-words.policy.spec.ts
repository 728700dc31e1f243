import type { ModelRequest } from '../../../../domain/message/message.events.js';
import { lackedByResponses } from './responses-words.policy.js';

const asking = (parameters: ModelRequest['parameters'], more: Partial<ModelRequest> = {}): ModelRequest => ({
  ...{ content: 'Hi', model: 'm', parameters },
  ...more,
});

describe('what Responses have no words for', () => {
  it('is told by its path, as the refusal of the call would', () => {
    const messages = [{ role: 'user', name: 'Ann', content: 'Hi' }];
    expect(lackedByResponses(asking({ stop: ['.'], n: 2 }, { messages }))).toEqual([
      ...['stop', 'n', 'messages[0].name'],
    ]);
  });

  it('is nothing of a plain chat, nor of what they are not asked for', () => {
    expect(lackedByResponses(asking({ temperature: 0, n: 1, stop: [] }))).toEqual([]);
    expect(lackedByResponses(asking({ prompt: 'x', stop: ['.'] }, { kind: 'completion' }))).toEqual([]);
    expect(lackedByResponses(asking({ input: 'x', seed: 1 }, { kind: 'embeddings' }))).toEqual([]);
  });
});
