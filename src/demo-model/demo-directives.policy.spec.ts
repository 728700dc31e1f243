import { DemoDirectiveError, readScript, withoutDirectives } from './demo-directives.policy.js';

describe('readScript', () => {
  it('is calm without directives', () => {
    expect(readScript('Hello [[there]]')).toMatchObject({
      trouble: null,
      slowMs: 0,
      tokens: null,
      json: false,
    });
  });

  it('reads what is to fail, how and how often', () => {
    expect(readScript('[[demo:fail 503 times=2]]').trouble).toMatchObject({
      kind: 'status',
      status: 503,
      times: 2,
      retryAfter: null,
    });
    expect(readScript('[[demo:429 retry_after=1]]').trouble).toMatchObject({ status: 429, retryAfter: '1' });
    expect(readScript('[[demo:break after=5]]').trouble).toMatchObject({ kind: 'break', after: 5 });
    expect(readScript('[[demo:hang]]').trouble).toMatchObject({
      kind: 'hang',
      after: null,
      times: Number.POSITIVE_INFINITY,
    });
  });

  it('reads several', () => {
    expect(readScript('a [[demo:slow 20]] b [[demo:tokens 3]][[demo:rate 0]][[demo:no_done]]')).toMatchObject(
      {
        slowMs: 20,
        tokens: 3,
        tokensPerSecond: Number.POSITIVE_INFINITY,
        noDone: true,
        noUsage: false,
      },
    );
  });

  it.each([
    '[[demo:dance]]',
    '[[demo:fail 200]]',
    '[[demo:slow]]',
    '[[demo:tokens -1]]',
    '[[demo:break after=x]]',
  ])('refuses %s', (text) => {
    expect(() => readScript(text)).toThrow(DemoDirectiveError);
  });
});

describe('withoutDirectives', () => {
  it('leaves the rest', () => {
    expect(withoutDirectives('[[demo:slow 20]] Hello [[demo:json]]world')).toBe('Hello world');
  });
});
