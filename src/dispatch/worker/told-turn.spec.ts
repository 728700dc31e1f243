import type { ChosenContext } from '../../domain/conversation/context-window.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { ToldTurn } from './told-turn.js';

const lease = {
  model: 'm',
  offer: { contextTokens: null, maxOutputTokens: null, capabilities: [] },
} as never;
const messages = [{ role: 'user', content: 'Hi' }];
const chosen: ChosenContext = {
  ...{ messages, turns: [], summarizedUpTo: null, tokens: 9, turnTokens: 0, leftOut: true, cutAt: 'self' },
  ...{ summaryLeftOut: false, maxTokens: 10, changes: {} },
};

function told(truncation: string | undefined, leftOut: boolean): ToldTurn {
  const settings = truncation === undefined ? {} : { truncation };
  const request: ModelRequest = {
    ...{ messages, model: 'm', parameters: {}, instructions: 'Be short.' },
    response: { background: false, store: true, settings },
  };
  const parts = { get: async () => null };
  return new ToldTurn('id', request, () => ({ ...chosen, leftOut }), { answered: () => {} }, parts);
}

describe('a history that does not fit', () => {
  it('is cut, unless its client wants all of it or nothing', () => {
    for (const truncation of [undefined, 'auto']) {
      expect(told(truncation, true).requestFor(lease)).toMatchObject({ messages });
    }
    expect(() => told('disabled', true).requestFor(lease)).toThrow(/truncation is disabled/);
    expect(told('disabled', false).requestFor(lease)).toMatchObject({ messages });
  });

  it('of which nothing is left is sent to no model', () => {
    const request: ModelRequest = { messages: [], model: 'm', parameters: {} };
    const empty = { ...chosen, messages: [], leftOut: false };
    const turn = new ToldTurn('id', request, () => empty, { answered: () => {} }, { get: async () => null });
    expect(() => turn.requestFor(lease)).toThrow(/asks nothing/);
  });

  it('is told without its large parts to who only asks what is said', () => {
    expect(told('disabled', true).atHandFor(lease)).toMatchObject({ messages, parameters: {} });
  });

  it('has the instructions in its messages already', () => {
    expect(told(undefined, false).requestFor(lease)).not.toHaveProperty('instructions');
  });
});
