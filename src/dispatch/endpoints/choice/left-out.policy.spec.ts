import { leftOut } from './left-out.policy.js';

const chat = (endpoint: string) => ({ endpoint, lacks: [] });
const speechless = (endpoint: string, ...lacks: string[]) => ({ endpoint, lacks });

describe('who is left out for want of words', () => {
  it('is whose API has nothing for what is asked, where another has', () => {
    const left = leftOut([speechless('gpt', 'stop'), chat('gpu')]);
    expect(left?.endpoints).toEqual(new Set(['gpt']));
    expect(left?.reason).toBe('gpt is left out, whose API has nothing for stop');
  });

  it('is nobody where all have the words, or none has', () => {
    expect(leftOut([chat('one'), chat('two')])).toBeNull();
    expect(leftOut([speechless('one', 'n'), speechless('two', 'n')])).toBeNull();
    expect(leftOut([])).toBeNull();
  });

  it('is told shortly, and each thing once', () => {
    const fields = ['n', 'seed', 'messages[0].name', 'stop'];
    const names = ['a', 'b', 'c', 'd', 'e'];
    const left = leftOut([chat('gpu'), ...names.map((name) => speechless(name, ...fields))]);
    expect(left?.endpoints).toEqual(new Set(names));
    expect(left?.reason).toBe(
      'a, b, c and 2 more are left out, whose API has nothing for n, seed, messages[0].name and 1 more',
    );
  });
});
