import fc from 'fast-check';
import { type AnswerPiece, JoinedAnswer } from './joined-answer.policy.js';

function joined(...pieces: AnswerPiece[]): JoinedAnswer {
  const answer = new JoinedAnswer();
  for (const piece of pieces) answer.add(piece);
  return answer;
}

const text = fc.string({ maxLength: 4 });
const piece: fc.Arbitrary<AnswerPiece> = fc.record(
  {
    content: text,
    refusal: text,
    tool_plan: fc.constantFrom('a', 'b'),
    tool_calls: fc.array(
      fc.record(
        { index: fc.nat(2), function: fc.record({ arguments: text }) },
        { requiredKeys: ['index', 'function'] },
      ),
      { maxLength: 2 },
    ),
    annotations: fc.array(fc.nat(), { maxLength: 2 }),
    details: fc.array(fc.record({ index: fc.nat(2), text }), { maxLength: 2 }),
    audio: fc.record({ id: fc.constant('x'), transcript: text, expires_at: fc.nat() }, { requiredKeys: [] }),
    any: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
  },
  { requiredKeys: [] },
);
const pieces = fc.array(piece, { maxLength: 8 });

describe('JoinedAnswer', () => {
  it('makes of a whole message the message again', () => {
    fc.assert(
      fc.property(pieces, (list) => {
        const { tool_calls: _, ...message } = joined(...list).message(0);
        const { tool_calls: __, ...again } = joined(message).message(0);
        expect(again).toEqual(message);
      }),
    );
  });

  it('is at its end what it was in the middle, and what goes beyond', () => {
    fc.assert(
      fc.property(pieces, pieces, (before, after) => {
        const middle = joined(...before);
        const end = joined(...before, ...after);
        const { diverged, behind, fresh } = end.beyond(0, middle);
        expect({ diverged, behind }).toEqual({ diverged: false, behind: false });
        middle.add(fresh);
        expect(middle.message(0)['content']).toEqual(end.message(0)['content']);
        expect(end.beyond(0, middle).fresh).toEqual({});
        expect(middle.beyond(0, end)).toMatchObject({ diverged: false, behind: false });
      }),
    );
  });

  it('is behind another that has more, and beyond one that has less', () => {
    const less = joined({ content: 'Hel' });
    const more = joined({ content: 'Hello' });
    expect(more.beyond(0, less)).toEqual({ diverged: false, behind: false, fresh: { content: 'lo' } });
    expect(less.beyond(0, more)).toEqual({ diverged: false, behind: true, fresh: {} });
  });

  it('contradicts another text, and a tool call that is another', () => {
    const call = (id: string) =>
      joined({ tool_calls: [{ index: 0, id, function: { name: 'f', arguments: '' } }] });
    expect(joined({ content: 'a' }).beyond(0, joined({ content: 'b' })).diverged).toBe(true);
    expect(call('a').beyond(0, call('b')).diverged).toBe(true);
    expect(call('a').beyond(0, call('a')).diverged).toBe(false);
  });

  it('counts what it holds', () => {
    const { size } = joined({ content: 'abc' }, { content: 'de', list: [1, 2] });
    expect(size.units).toBeGreaterThanOrEqual(5);
    expect(size.entries).toBe(4);
  });
});
