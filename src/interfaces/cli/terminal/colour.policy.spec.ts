import { describe, expect, it } from '@jest/globals';
import { painted, painter, wantsColour } from './colour.policy.js';

describe('colours', () => {
  it('are for terminals, and not for who wants none', () => {
    expect(wantsColour({}, true)).toBe(true);
    expect(wantsColour({}, false)).toBe(false);
    expect(wantsColour({ NO_COLOR: '1' }, true)).toBe(false);
    expect(wantsColour({ NO_COLOR: '1', FORCE_COLOR: '1' }, true)).toBe(false);
    expect(wantsColour({ NO_COLOR: '' }, true)).toBe(true);
    expect(wantsColour({ TERM: 'dumb' }, true)).toBe(false);
    expect(wantsColour({ FORCE_COLOR: '1' }, false)).toBe(true);
    expect(wantsColour({ FORCE_COLOR: '0' }, true)).toBe(false);
  });

  it('tell states apart, and leave other words alone', () => {
    expect(painted(painter(true), 'failed')).toBe('\u001b[31mfailed\u001b[39m');
    expect(painted(painter(true), 'pending')).toBe('pending');
    expect(painted(painter(false), 'failed')).toBe('failed');
  });
});
