import fc from 'fast-check';
import { type Delta, SentAnswer } from './sent-answer.policy.js';

const CUT = 'The quick brown fox jumps over the lazy dog, and then it sleeps until ';
const text = (content: string): Delta => ({ content });

/** What goes out of the pieces of one call. */
function sent(answer: SentAnswer, ...pieces: string[]): string {
  return pieces.map((piece) => answer.take(text(piece))?.['content'] ?? '').join('');
}

function cutAt(whole: string): SentAnswer {
  const answer = new SentAnswer();
  sent(answer, whole);
  return answer;
}

const whole = (content: string | null, more: Delta = {}) => ({ role: 'assistant', content, ...more });
const toolCall = { tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '{' } }] };

describe('an answer in one call', () => {
  it('goes out as it comes', () => {
    const answer = new SentAnswer();
    const first = { role: 'assistant', content: 'a', logprobs: { content: [] }, index: 0 };
    expect(answer.take(first)).toEqual(first);
    expect(answer.take(toolCall)).toEqual(toolCall);
    expect(answer.take({ index: 1, content: 'b' })).toEqual({ index: 1, content: 'b' });
    expect(answer.whole(whole('a', toolCall))).toEqual(whole('a', toolCall));
    expect([answer.begun, answer.characters]).toEqual([true, 1]);
  });

  it('is told so far as one piece, unless parts of it are not kept', () => {
    const answer = new SentAnswer();
    answer.take({ role: 'assistant', reasoning_content: 'Hm.' });
    sent(answer, 'One', ' two');
    expect(answer.soFar()).toEqual({ role: 'assistant', reasoning_content: 'Hm.', content: 'One two' });
    answer.take(toolCall);
    expect(answer.soFar()).toBeNull();
  });
});

describe('an answer that begins anew', () => {
  it('goes on where it has repeated what went out', () => {
    const answer = cutAt('one two');
    answer.anew();
    expect(sent(answer, 'one', ' two thr', 'ee')).toBe(' three');
    expect(answer.whole(whole('one two three'))).toEqual(whole('one two three'));
  });

  it('is silent where it says something else, and says it in the whole answer', () => {
    const answer = cutAt('one two');
    answer.anew();
    expect(sent(answer, 'one', ' 2', ' three')).toBe('');
    expect(answer.whole(whole('one 2 three')).content).toBe('one 2 three');
    answer.anew();
    expect(sent(answer, 'one two three')).toBe(' three');
  });

  it('sends no tool call twice, nor before the text that went out', () => {
    const twice = new SentAnswer();
    twice.take(toolCall);
    twice.anew();
    expect(twice.take(toolCall)).toBeNull();
    const early = cutAt('Let me look.');
    early.anew();
    expect([sent(early, 'Let'), early.take(toolCall)]).toEqual(['', null]);
    const late = cutAt('Let me look.');
    late.anew();
    expect([sent(late, 'Let me look.'), late.take(toolCall)]).toEqual(['', toolCall]);
  });

  it('sends the role and empty fields once', () => {
    const answer = new SentAnswer();
    expect(answer.take({ role: 'assistant', content: '' })).toEqual({ role: 'assistant', content: '' });
    answer.anew();
    expect(answer.take({ role: 'assistant', content: '' })).toBeNull();
  });

  it('sends what any cuts and repetitions of the same answer come to, and each part once', () => {
    const pieces = fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(pieces, fc.array(fc.nat(12), { maxLength: 4 }), (answer, cuts) => {
        const subject = new SentAnswer();
        let out = '';
        for (const cut of [...cuts, answer.length]) {
          subject.anew();
          out += sent(subject, ...answer.slice(0, cut));
        }
        expect(out).toBe(answer.join(''));
      }),
    );
  });
});

describe('an answer that goes on behind the text', () => {
  it('is joined to it', () => {
    const answer = cutAt(CUT);
    expect(answer.prefill).toBe(CUT.trimEnd());
    answer.behind();
    expect(sent(answer, 'the', ' morning.')).toBe('the morning.');
    expect(answer.whole(whole('the morning.')).content).toBe(`${CUT}the morning.`);
  });

  it('is joined without a second space', () => {
    const answer = cutAt(CUT);
    answer.behind();
    expect(sent(answer, ' the', ' morning.')).toBe('the morning.');
    expect(answer.whole(whole(' the morning.')).content).toBe(`${CUT}the morning.`);
  });

  it('is not sent twice where it repeats the text first', () => {
    const answer = cutAt(CUT);
    answer.behind();
    expect(sent(answer, 'The quick', CUT.slice(9), 'noon.')).toBe('noon.');
    expect(answer.whole(whole(`${CUT}noon.`)).content).toBe(`${CUT}noon.`);
  });

  it('is silent where it begins as the text did and then differs', () => {
    const answer = cutAt(CUT);
    answer.behind();
    const other = 'The quick brown fox jumps over the lazy dog, but never sleeps.';
    expect(sent(answer, other)).toBe('');
    expect(answer.whole(whole(other)).content).toBe(other);
  });

  it('is joined where it is short and happens to begin as the text did', () => {
    const answer = cutAt(CUT);
    answer.behind();
    expect(sent(answer, 'The')).toBe('');
    expect(answer.whole(whole('The')).content).toBe(`${CUT}The`);
  });

  it('keeps what was thought before, and can end in a tool call', () => {
    const answer = new SentAnswer();
    answer.take({ reasoning_content: 'Hm.' });
    answer.take(text('Let me look.'));
    answer.behind();
    expect(answer.take(toolCall)).toEqual(toolCall);
    expect(answer.whole(whole(null, toolCall))).toEqual(
      whole('Let me look.', { reasoning_content: 'Hm.', ...toolCall }),
    );
  });

  it('is impossible behind a tool call, another choice, or nothing', () => {
    const called = cutAt('text');
    called.take(toolCall);
    const chosen = cutAt('text');
    chosen.take({ index: 1, content: 'x' });
    expect([called.prefill, chosen.prefill, new SentAnswer().prefill, cutAt(' \n').prefill]).toEqual([
      ...['', '', '', ''],
    ]);
  });

  it('gives the whole answer that was sent, however the rest is cut', () => {
    const some = fc.string({ minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(some, fc.array(some, { maxLength: 6 }), (begin, rest) => {
        const answer = cutAt(`#${begin}`);
        answer.behind();
        const out = sent(answer, ...rest);
        const { content } = answer.whole(whole(rest.join('')));
        // What is still held back goes out with the whole answer.
        expect(content?.startsWith(`#${begin}${out}`)).toBe(true);
        expect(content!.trimEnd().endsWith(rest.join('').trim())).toBe(true);
      }),
    );
  });
});
