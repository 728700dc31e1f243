import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DeliveredAnswer, type Delivery, type Piece } from './delivered-answer.policy.js';

const text = (attempt: number, seq: number, content: string): Piece => ({ attempt, seq, delta: { content } });
const contentOf = (delivery: Delivery) =>
  delivery.kind === 'delta' ? delivery.delta['content'] : delivery.kind;

describe('an answer in one attempt', () => {
  it('is sent on piece by piece, with a role on the first', () => {
    const delivered = new DeliveredAnswer();
    expect(delivered.take(text(1, 1, 'a'))).toEqual({
      kind: 'delta',
      delta: { role: 'assistant', content: 'a' },
    });
    expect(delivered.take(text(1, 2, 'b'))).toEqual({ kind: 'delta', delta: { content: 'b' } });
    expect(delivered.rest({ content: 'ab' })).toEqual({ kind: 'nothing' });
  });

  it("keeps the endpoint's own first delta", () => {
    const first = { attempt: 1, seq: 1, delta: { role: 'assistant', content: '', refusal: null } };
    expect(new DeliveredAnswer().take(first)).toEqual({ kind: 'delta', delta: first.delta });
  });

  it('is completed from the whole answer where the last pieces were lost', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'one '));
    expect(contentOf(delivered.rest({ content: 'one two' }))).toBe('two');
  });

  it('is sent whole where no piece came', () => {
    expect(new DeliveredAnswer().rest({ content: 'all', tool_calls: [{ id: 'x' }] })).toEqual({
      kind: 'delta',
      delta: { role: 'assistant', content: 'all', tool_calls: [{ index: 0, id: 'x' }] },
    });
  });

  it('waits for the whole answer behind a gap', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'a'));
    expect(delivered.take(text(1, 3, 'c')).kind).toBe('nothing');
    expect(delivered.take(text(1, 4, 'd')).kind).toBe('nothing');
    expect(contentOf(delivered.rest({ content: 'abcd' }))).toBe('bcd');
  });

  it('takes each piece once', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'a'));
    delivered.take(text(1, 2, 'b'));
    expect(delivered.take(text(1, 2, 'b')).kind).toBe('nothing');
  });
});

describe('an answer that begins anew', () => {
  it('goes on where it repeats what was delivered', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'The quick'));
    expect(delivered.take(text(2, 1, 'The ')).kind).toBe('nothing');
    expect(contentOf(delivered.take(text(2, 2, 'quick brown')))).toBe(' brown');
    expect(contentOf(delivered.take(text(2, 3, ' fox')))).toBe(' fox');
    expect(delivered.rest({ content: 'The quick brown fox' }).kind).toBe('nothing');
  });

  it('ends where it says something else', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'The quick'));
    expect(delivered.take(text(2, 1, 'A')).kind).toBe('diverged');
  });

  it('ends where the whole answer is not what was delivered', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'The quick'));
    expect(delivered.rest({ content: 'The' }).kind).toBe('diverged');
    expect(delivered.rest({ content: null }).kind).toBe('diverged');
  });

  it('may come from a worker that takes over the same attempt', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'ab'));
    delivered.take(text(1, 2, 'cd'));
    expect(delivered.take({ ...text(1, 1, 'abc'), delivery: 2 }).kind).toBe('nothing');
    expect(contentOf(delivered.take({ ...text(1, 2, 'def'), delivery: 2 }))).toBe('ef');
    expect(delivered.take(text(1, 3, 'x')).kind).toBe('nothing');
  });

  it('no longer hears the attempt before', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'a'));
    delivered.take(text(2, 1, 'a'));
    expect(delivered.take(text(1, 2, 'x')).kind).toBe('nothing');
    expect(contentOf(delivered.take(text(2, 2, 'b')))).toBe('b');
  });
});

describe('tool calls', () => {
  const call = (attempt: number, seq: number, id: string | undefined, args: string): Piece => ({
    attempt,
    seq,
    delta: { tool_calls: [{ index: 0, ...(id === undefined ? {} : { id }), function: { arguments: args } }] },
  });
  const whole = (id: string, args: string) => ({
    content: null,
    tool_calls: [{ id, function: { arguments: args } }],
  });

  it('are sent on, and completed from the whole answer', () => {
    const delivered = new DeliveredAnswer();
    expect(delivered.take(call(1, 1, 'c1', '{"a')).kind).toBe('delta');
    expect(delivered.take(call(1, 2, undefined, '":')).kind).toBe('delta');
    expect(delivered.rest(whole('c1', '{"a":1}'))).toEqual({
      kind: 'delta',
      delta: { tool_calls: [{ index: 0, function: { arguments: '1}' } }] },
    });
  });

  it('are never mixed from two attempts', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(call(1, 1, 'c1', '{'));
    expect(delivered.take(call(2, 1, 'c2', '{')).kind).toBe('diverged');
    expect(delivered.rest(whole('c2', '{}')).kind).toBe('diverged');
  });

  it('may follow text that was repeated', () => {
    const delivered = new DeliveredAnswer();
    delivered.take(text(1, 1, 'Let me look.'));
    delivered.take(text(2, 1, 'Let me look.'));
    expect(delivered.take(call(2, 2, 'c2', '{}')).kind).toBe('delta');
    expect(delivered.rest({ ...whole('c2', '{}'), content: 'Let me look.' }).kind).toBe('nothing');
  });
});

it('never sends a text that is not one answer, whatever fails and is lost', () => {
  const answer = fc.string({ minLength: 1, maxLength: 30 });
  const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 30 });
  const run = fc.record({ answer, cuts, lost: fc.array(fc.boolean(), { maxLength: 30 }) });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 4 }), fc.boolean(), (runs, same) => {
      const delivered = new DeliveredAnswer();
      let sent = '';
      for (const [index, { cuts: sizes, lost, ...each }] of runs.entries()) {
        const pieces = cut(same ? runs[0]!.answer : each.answer, sizes);
        for (const [at, content] of pieces.entries()) {
          if (lost[at]) continue;
          const step = delivered.take(text(index + 1, at + 1, content));
          if (step.kind === 'diverged') return;
          if (step.kind === 'delta') sent += step.delta['content'];
        }
      }
      const final = same ? runs[0]!.answer : runs.at(-1)!.answer;
      const rest = delivered.rest({ content: final });
      if (same) expect(rest.kind).not.toBe('diverged');
      if (rest.kind === 'diverged') return;
      if (rest.kind === 'delta') sent += rest.delta['content'];
      expect(sent).toBe(final);
    }),
  );
});

/** All but the end of an answer, in pieces. */
function cut(answer: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= answer.length) break;
    pieces.push(answer.slice(at, at + size));
    at += size;
  }
  return pieces;
}
