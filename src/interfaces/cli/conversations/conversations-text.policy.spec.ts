import { describe, expect, it } from '@jest/globals';
import { painter } from '../terminal/colour.policy.js';
import { conversationsText, conversationText, turnsText } from './conversations-text.policy.js';

const conversation = {
  ...{ id: 'trip', user_id: 'ann', title: 'To\nRome', context: null, priority: null, model: 'm' },
  ...{ double_texting: 'enqueue', state: 'active', message_count: 2 },
  ...{ created_at: '2030-01-01T00:00:00.000Z', last_message_at: null },
};

describe('conversations', () => {
  it('are a table', () => {
    expect(conversationsText([conversation])).toBe(
      `conversation  state   user  messages  last message  title
------------  ------  ----  --------  ------------  -------
trip          active  ann   2         -             To Rome
`,
    );
    expect(conversationsText([])).toBe('There are no conversations.\n');
    expect(conversationText(conversation, painter(false))).not.toContain('context');
  });

  it('are read turn by turn', () => {
    const turn = { id: 'm', user_id: 'ann', priority: 'low', created_at: '2030-01-01T00:00:00.000Z' };
    const turns = [
      { ...turn, status: 'completed', model: 'm', content: 'Hi', result: { content: 'Hello.', model: 'n' } },
      { ...turn, status: 'failed', model: 'm', content: null, result: null },
    ];
    expect(turnsText(turns, painter(false))).toBe(`2030-01-01 00:00:00  ann
Hi

n
Hello.

2030-01-01 00:00:00  ann
(no text)

m
(failed)
`);
  });
});
