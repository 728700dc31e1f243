import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { holdsKeyword, normalised } from './keywords.policy.js';

const holds = (text: string, keyword: string) => holdsKeyword(normalised(text), normalised(keyword));

describe('a keyword in a text', () => {
  it('is found without regard to case, width and spaces', () => {
    expect(holds('This is URGENT!', 'urgent')).toBe(true);
    expect(holds('ＵＲＧＥＮＴ', 'urgent')).toBe(true);
    expect(holds('production \n\t IS down', 'Production is  Down')).toBe(true);
    expect(holds('ДЕЛО СРОЧНО', 'срочно')).toBe(true);
  });

  it('is a word of its own where words stand apart', () => {
    for (const text of ['insurgents', 'urgently', 'urgent2', 'nonurgent'])
      expect(holds(text, 'urgent')).toBe(false);
    for (const text of ['urgent', '"urgent"', 'non-urgent', 'urgent, urgent', 'insurgent, urgent']) {
      expect(holds(text, 'urgent')).toBe(true);
    }
    expect(holds('c++', 'c++')).toBe(true);
    expect(holds('abc++', 'c++')).toBe(false);
  });

  it('needs no spaces where the script has none', () => {
    expect(holds('这件事非常紧急请处理', '紧急')).toBe(true);
    expect(holds('请ASAP处理', 'asap')).toBe(true);
    expect(holds('至急対応してください', '至急')).toBe(true);
    expect(holds('紧张', '紧急')).toBe(false);
  });

  it('is found wherever it stands between spaces', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, text, (before, keyword, after) => {
        fc.pre(normalised(keyword) !== '');
        expect(holds(`${before} ${keyword} ${after}`, keyword)).toBe(true);
      }),
    );
  });

  it('is never found where the text does not hold it, nor when it is empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, keyword) => {
        if (holdsKeyword(text, keyword)) expect(text).toContain(keyword);
        expect(holdsKeyword(text, '')).toBe(false);
      }),
    );
  });
});
