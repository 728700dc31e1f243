import fc from 'fast-check';
import type { AnsweredChoice } from '../../domain/message/answered-choices.policy.js';
import { type AnswerPiece, JoinedAnswer } from '../../domain/message/joined-answer.policy.js';
import { FollowedAnswer, type SentPiece } from './followed-answer.policy.js';
import { endOf } from './piece-position.policy.js';

/** What a client has: it joins pieces, throws away at a restart, and knows the last number. */
class Client {
  joined = new JoinedAnswer();
  pieces: AnswerPiece[] = [];
  after = 0;
  restarts = 0;

  take(steps: ReturnType<FollowedAnswer['take']>): void {
    for (const step of steps) {
      if (step.kind === 'restart') {
        this.restarts += 1;
        this.joined = new JoinedAnswer();
        this.pieces = [];
      } else {
        expect(step.at).toBeGreaterThan(this.after);
        this.after = step.at;
        this.joined.add(step.delta);
        this.pieces.push(step.delta);
      }
    }
  }
}

function run(deltas: readonly AnswerPiece[], attempt = 1, delivery = 1): SentPiece[] {
  return deltas.map((delta, index) => ({ attempt, delivery, seq: index + 1, delta }));
}

function wholeOf(deltas: readonly AnswerPiece[]): AnsweredChoice[] {
  const joined = new JoinedAnswer();
  for (const delta of deltas) joined.add(delta);
  return joined.indices.map((index) => ({
    ...{ index, finish_reason: 'stop', more: {} },
    ...{ message: joined.message(index), logprobs: joined.logprobs(index) },
  }));
}

const text = fc.string({ minLength: 1, maxLength: 8 });
const delta: fc.Arbitrary<AnswerPiece> = fc.oneof(
  text.map((content) => ({ content })),
  text.map((content) => ({ content, index: 1 })),
  text.map((reasoning_content) => ({ reasoning_content })),
  text.map((args) => ({ tool_calls: [{ index: 0, function: { arguments: args } }] })),
  fc.constant({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look' } }] }),
);
const deltas = fc.array(delta, { minLength: 1, maxLength: 12 });

function expectWhole({ joined }: Client, choices: readonly AnsweredChoice[]): void {
  for (const { index, message } of choices) expect(joined.message(index)).toEqual(message);
}

describe('FollowedAnswer', () => {
  it('tells the whole answer, wherever the client was cut off, and whether pieces are there still', () => {
    fc.assert(
      fc.property(deltas, fc.array(fc.nat(12), { maxLength: 4 }), fc.boolean(), (said, cuts, kept) => {
        const pieces = run(said);
        const client = new Client();
        for (const cut of cuts) {
          const followed = new FollowedAnswer(client.after);
          for (const piece of pieces.slice(0, cut)) client.take(followed.take(piece));
        }
        const { restarts } = client;
        expect(restarts).toBe(0);
        const last = new FollowedAnswer(client.after);
        for (const piece of kept ? pieces : []) client.take(last.take(piece));
        client.take(last.end(1, wholeOf(said)));
        expectWhole(client, wholeOf(said));
        if (kept) expect(client.pieces).toEqual(said);
        // With the end's own number there is nothing more to tell.
        expect(new FollowedAnswer(endOf(1)).end(1, wholeOf(said))).toEqual([]);
      }),
    );
  });

  it('tells the whole answer that counts, whichever runs said what before', () => {
    const aRun = fc.record({
      deltas,
      attempt: fc.integer({ min: 1, max: 3 }),
      delivery: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(aRun, { maxLength: 4 }), deltas, fc.nat(40), (runs, answer, cut) => {
        const pieces = runs.flatMap(({ deltas, attempt, delivery }) => run(deltas, attempt, delivery));
        const client = new Client();
        const before = new FollowedAnswer();
        for (const piece of pieces.slice(0, cut)) client.take(before.take(piece));
        const after = new FollowedAnswer(client.after);
        for (const piece of pieces) client.take(after.take(piece));
        client.take(after.end(3, wholeOf(answer)));
        expectWhole(client, wholeOf(answer));
      }),
    );
  });

  it('says a tool call again from its beginning where another run named it, and the one that counts does not', () => {
    const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'look' } };
    const client = new Client();
    const followed = new FollowedAnswer();
    for (const piece of run([{ tool_calls: [call] }])) client.take(followed.take(piece));
    const answer = wholeOf([{ tool_calls: [{ index: 0, function: { arguments: ' ' } }] }]);
    client.take(followed.end(3, answer));
    expectWhole(client, answer);
    expect(client.restarts).toBe(1);
  });

  it('restarts only for who has something', () => {
    const followed = new FollowedAnswer();
    expect(followed.take(run([{ content: 'a' }])[0]!)).toEqual([
      { kind: 'piece', at: 1, attempt: 1, delta: { content: 'a' } },
    ]);
    expect(followed.take({ attempt: 1, delivery: 2, seq: 1, delta: { content: 'b' } })).toMatchObject([
      { kind: 'restart' },
      { kind: 'piece', delta: { content: 'b' } },
    ]);
    expect(followed.take({ attempt: 2, delivery: 1, seq: 2, delta: { content: 'c' } })).toEqual([
      { kind: 'restart', at: endOf(1) + 1 },
    ]);
    const end = followed.end(2, wholeOf([{ content: 'whole' }]));
    expect(end).toEqual([
      { kind: 'piece', at: endOf(2) - 1, attempt: 2, delta: { role: 'assistant', content: 'whole' } },
    ]);
  });

  it('tells nothing of an answer that there is not', () => {
    const followed = new FollowedAnswer();
    followed.take(run([{ content: 'a' }])[0]!);
    expect(followed.end(1, [])).toEqual([]);
  });

  it('sends the last piece that got lost, and the whole again where what came is not its beginning', () => {
    const [one, two, three] = run([{ content: 'a' }, { content: 'b' }, { content: 'c' }]);
    const followed = new FollowedAnswer();
    for (const piece of [one!, three!, two!]) followed.take(piece);
    const rest = followed.end(1, wholeOf([{ content: 'abc' }]));
    expect(rest).toEqual([{ kind: 'piece', at: endOf(1) - 1, attempt: 1, delta: { content: 'bc' } }]);
    expect(followed.end(1, wholeOf([{ content: 'other' }]))[0]).toEqual({
      kind: 'restart',
      at: endOf(1) - 2,
    });
  });

  it('goes on behind a restart at which it was cut, with nothing lost', () => {
    const answer = wholeOf([{ content: 'abc' }]);
    const said = run([{ content: 'a' }, { content: 'b' }, { content: 'c' }]);
    // The pieces can't be read at the end, and can again when the client comes back.
    const cut = new FollowedAnswer(2).end(1, answer)[0]!;
    expect(cut).toEqual({ kind: 'restart', at: endOf(1) - 2 });
    const client = new Client();
    for (const pieces of [said, []]) {
      const followed = new FollowedAnswer(cut.at);
      for (const piece of pieces) client.take(followed.take(piece));
      client.after = 0;
      client.take(followed.end(1, answer));
      expectWhole(client, answer);
    }
    // Before the first piece of another run.
    const other = run([{ content: 'abc' }], 1, 2);
    const before = new FollowedAnswer(2).take(other[0]!)[0]!;
    expect(before.kind).toBe('restart');
    expect(before.at).toBeGreaterThan(2);
    const again = new FollowedAnswer(before.at);
    expect(again.take(other[0]!)).toMatchObject([{ kind: 'piece', delta: { content: 'abc' } }]);
  });

  it('begins anew for who may have something, and nobody knows what', () => {
    const [one] = run([{ content: 'a' }]);
    const followed = new FollowedAnswer(0, true);
    expect(followed.take(one!)).toMatchObject([{ kind: 'restart' }, { kind: 'piece', at: 1 }]);
    expect(new FollowedAnswer(0, true).end(1, wholeOf([{ content: 'a' }]))[0]!.kind).toBe('restart');
  });
});
