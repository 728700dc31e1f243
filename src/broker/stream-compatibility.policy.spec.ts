import { describe, expect, it } from '@jest/globals';
import { improvements, incompatibilities, type StreamSettings } from './stream-compatibility.policy.js';

const want: StreamSettings = {
  subjects: ['a.>', 'b.>'],
  retention: 'limits',
  storage: 'file',
  discard: 'new',
  max_msgs_per_subject: -1,
  allow_atomic: true,
  allow_direct: true,
  deny_purge: true,
  duplicate_window: 100,
  num_replicas: 1,
};

describe('a stream that exists', () => {
  it('fits when it is as wanted, or has what an operator may add', () => {
    for (const more of [{}, { num_replicas: 3 }, { duplicate_window: 500 }, { max_bytes: 5 }]) {
      const have = { ...want, ...more };
      expect(incompatibilities(have, want)).toEqual([]);
      expect(improvements(have, want)).toBeNull();
    }
  });

  it('does not fit with any setting that loses or refuses what is written', () => {
    const wrong: StreamSettings[] = [
      ...[{ retention: 'workqueue' }, { storage: 'memory' }, { discard: 'old' }, { max_msgs_per_subject: 1 }],
      ...[{ allow_atomic: false }, { allow_atomic: undefined }, { sealed: true }, { no_ack: true }],
      ...[{ mirror: { name: 'x' } }, { sources: [{}] }, { subject_transform: {} }, { persist_mode: 'async' }],
      { subjects: ['a.>', 'b.>', 'c.>'] },
    ];
    for (const settings of wrong) expect(incompatibilities({ ...want, ...settings }, want)).toHaveLength(1);
  });

  it('is told all that is wrong with it at once', () => {
    const reasons = incompatibilities({ ...want, storage: 'memory', allow_atomic: false }, want);
    expect(reasons).toEqual([
      'its storage is "memory" and must be "file"',
      'its allow_atomic is false and must be true',
    ]);
  });

  it('is completed, and never reduced', () => {
    const have = { ...want, subjects: ['a.>'], num_replicas: 3, duplicate_window: 5, allow_direct: false };
    expect(improvements(have, { ...want, num_replicas: 1 })).toEqual({
      subjects: ['a.>', 'b.>'],
      duplicate_window: 100,
      allow_direct: true,
    });
    expect(improvements(want, { ...want, num_replicas: 3 })).toEqual({ num_replicas: 3 });
  });

  it.each([
    [60, 120, { max_age: 120 }],
    [60, 0, { max_age: 0 }],
    [120, 60, null],
    [0, 60, null],
    [undefined, 60, null],
  ])('lets what is kept for %p be kept for %p: %j', (have, wanted, changes) => {
    expect(improvements({ ...want, max_age: have }, { ...want, max_age: wanted })).toEqual(changes);
  });
});
