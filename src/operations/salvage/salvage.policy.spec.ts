import { describe, expect, it } from '@jest/globals';
import { type LostMessage, salvagedBody } from './salvage.policy.js';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const lost: LostMessage = {
  ...{
    id: 'id',
    userId: 'ann',
    priority: 'high',
    maxRetries: 2,
    timeoutMs: 1_000,
    metadata: { team: 'blue' },
  },
  request: { content: 'Why?', model: null, parameters: { temperature: 0 } },
  ...{ conversationId: null, conversationKept: false, deadlineMs: null },
};

describe('a lost message', () => {
  it('is submitted as it was asked, and names the one that was lost', () => {
    expect(salvagedBody(lost, NOW)).toEqual({
      ...{ user_id: 'ann', content: 'Why?', model: null, parameters: { temperature: 0 }, priority: 'high' },
      ...{ metadata: { team: 'blue', salvaged_from: 'id' }, max_retries: 2, timeout_ms: 1_000 },
    });
  });

  it('keeps where it wanted to be answered, and by when', () => {
    const routing = { fallbacks: ['small'], strategy: 'cheapest', failover: 'fail' as const };
    const request = { ...lost.request, routing };
    expect(salvagedBody({ ...lost, request, deadlineMs: NOW + 1 }, NOW)).toMatchObject({
      ...{ fallbacks: ['small'], failover: 'fail', routing: { strategy: 'cheapest' } },
      deadline: '2026-01-01T00:00:00.001Z',
    });
  });

  it('goes back into its conversation only if that is still there', () => {
    const turn = { ...lost, conversationId: 'talk' };
    expect(salvagedBody({ ...turn, conversationKept: true }, NOW)).toHaveProperty('conversation_id', 'talk');
    expect(salvagedBody(turn, NOW)).not.toHaveProperty('conversation_id');
  });

  it('is nothing any more once its deadline is over', () => {
    expect(salvagedBody({ ...lost, deadlineMs: NOW }, NOW)).toBeNull();
  });
});
