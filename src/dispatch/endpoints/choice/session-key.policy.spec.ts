import { sessionKey } from './session-key.policy.js';

describe('the session of a message', () => {
  const turn = { tenant: 't', conversationId: 'c', userId: 'u' };
  const single = { ...turn, conversationId: null };

  it('is what the configuration says, and there is none without it', () => {
    expect(sessionKey('conversation', undefined, turn)).toBe('t/conversation/c');
    expect(sessionKey('user', undefined, turn)).toBe('t/user/u');
    expect(sessionKey('none', undefined, turn)).toBeNull();
    expect(sessionKey('conversation', undefined, single)).toBeNull();
  });

  it('is what the request says first, and of one tenant alone', () => {
    for (const affinity of ['none', 'conversation', 'user'] as const) {
      expect(sessionKey(affinity, 'k', turn)).toBe('t/key/k');
      expect(sessionKey(affinity, 'k', { ...turn, tenant: 'other' })).toBe('other/key/k');
    }
  });
});
