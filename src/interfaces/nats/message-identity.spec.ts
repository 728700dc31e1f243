import { describe, expect, it } from '@jest/globals';
import { v4, v5 } from 'uuid';
import { idNamed } from './message-identity.js';

describe('the id of a named message', () => {
  it('is the name where that is a UUID, but of no version that ids of names have', () => {
    const random = v4();
    expect(idNamed('llmq.', 'acme', random.toUpperCase())).toBe(random);
    const next = idNamed('llmq.publishers.bob.', 'acme', 'order 18');
    expect(idNamed('llmq.publishers.eve.', 'other', next)).not.toBe(next);
    expect(idNamed('llmq.', 'acme', v5('x', random))).not.toBe(v5('x', random));
  });

  it('is of this publisher and this tenant alone, and always the same', () => {
    const ids = [
      ['llmq.', 'acme', 'order 18'],
      ['llmq.', 'other', 'order 18'],
      ['llmq.publishers.bob.', 'acme', 'order 18'],
      ['llmq.publishers.bob.', 'acme', 'order 19'],
    ].map(([root, tenant, name]) => idNamed(root!, tenant!, name!));
    expect(new Set(ids).size).toBe(4);
    expect(idNamed('llmq.', 'acme', 'order 18')).toBe(ids[0]);
  });
});
