import fc from 'fast-check';
import { type AnswerPiece, JoinedAnswer } from '../../domain/message/joined-answer.policy.js';
import { ClientRoom, FollowerQueue, type Queued } from './follower-queue.policy.js';

type Item = Queued<number>;

const limits = { items: 1_000, units: 1_000_000 };

const id = fc.constantFrom('a', 'b');
const delta: fc.Arbitrary<AnswerPiece> = fc.oneof(
  fc.string({ maxLength: 5 }).map((content) => ({ content })),
  fc.string({ maxLength: 5 }).map((content) => ({ content, index: 1 })),
  fc.string({ maxLength: 5 }).map((text) => ({ reasoning_content: text, content: text })),
  fc.string({ maxLength: 5 }).map((args) => ({ tool_calls: [{ index: 0, function: { arguments: args } }] })),
  fc.constant({ role: 'assistant', content: '' }),
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('piece' as const), messageId: id, delta }) },
  fc.record({ type: fc.constant('status' as const), messageId: id }),
  fc.record({ type: fc.constant('restart' as const), at: fc.constant(7), messageId: id }),
  fc.record({ type: fc.constant('told' as const) }),
  fc.record({ type: fc.constant('taken' as const) }),
);

function joined(items: readonly Item[], messageId: string): unknown[] {
  const answer = new JoinedAnswer();
  const before: unknown[] = [];
  for (const item of items) {
    if (item.messageId !== messageId) continue;
    if (item.type === 'piece') answer.add(item.delta);
    if (item.type === 'restart') before.push('restart');
  }
  return [...before, ...answer.indices.map((index) => answer.message(index))];
}

describe('FollowerQueue', () => {
  it('joins what waits, and what is taken says the same', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new FollowerQueue<number>(limits);
        const given: Item[] = [];
        const taken: Item[] = [];
        const take = () => {
          const item = queue.next();
          // What is queued later is joined to what waits, never to what was taken.
          if (item !== undefined) taken.push(structuredClone(item));
          return item;
        };
        for (const [index, each] of steps.entries()) {
          if (each.type === 'taken') take();
          else {
            const item: Item =
              each.type === 'piece'
                ? { ...each, at: index + 1, attempt: 1 }
                : each.type === 'status'
                  ? { ...each, content: index }
                  : each.type === 'told'
                    ? { ...each, messageId: null, sequence: index }
                    : each;
            given.push(structuredClone(item));
            queue.add(item);
          }
        }
        while (take() !== undefined);
        expect(queue.size).toBe(0);
        for (const messageId of ['a', 'b']) {
          expect(joined(taken, messageId)).toEqual(joined(given, messageId));
          const lastOf = (items: readonly Item[]) =>
            items.findLast((item) => item.messageId === messageId && item.type === 'status');
          expect(lastOf(taken)).toEqual(lastOf(given));
          const places = taken.flatMap((item) =>
            item.type === 'piece' && item.messageId === messageId ? [item.at] : [],
          );
          expect(places).toEqual([...places].sort((one, other) => one - other));
          expect(places.at(-1)).toBe(
            given.findLast((item) => item.messageId === messageId && item.type === 'piece')?.['at' as never],
          );
        }
        // What everything before it was told of stays behind it.
        for (const [place, item] of taken.entries()) {
          if (item.type !== 'told') continue;
          const later = taken.slice(place + 1).filter((other) => other.type === 'piece');
          for (const other of later) expect((other as { at: number }).at).toBeGreaterThan(item.sequence);
        }
      }),
    );
  });

  it('is overfull by what can not be joined, and by too much text', () => {
    const queue = new FollowerQueue<number>({ items: 3, units: 100 });
    const piece = (content: string, at: number): Item => ({
      ...{ type: 'piece', messageId: 'a', attempt: 1, at, delta: { content } },
    });
    for (let at = 1; at <= 50; at += 1) queue.add(piece('x', at));
    expect([queue.size, queue.isOverfull]).toEqual([1, false]);
    queue.add(piece('x'.repeat(60), 51));
    expect(queue.isOverfull).toBe(true);
    expect(queue.next()).toMatchObject({ at: 51, delta: { content: 'x'.repeat(110) } });
    expect(queue.isOverfull).toBe(false);
    for (const messageId of ['a', 'b', 'c', 'd']) queue.add({ type: 'restart', at: 7, messageId });
    expect(queue.isOverfull).toBe(true);
  });

  it('shares the room of its client with the others', () => {
    const room = new ClientRoom(2_000);
    const [one, other] = [new FollowerQueue<number>(limits, room), new FollowerQueue<number>(limits, room)];
    const piece = (content: string): Item => ({
      ...{ type: 'piece', messageId: 'a', attempt: 1, at: 1, delta: { content } },
    });
    one.add(piece('x'.repeat(700)));
    expect([room.isHalfFull, one.isHalfFull, other.isHalfFull]).toEqual([false, false, false]);
    one.add(piece('x'.repeat(200)));
    // What is taken out of the one wakes nobody who waits for the other, which holds nothing.
    expect([room.isHalfFull, one.isHalfFull, other.isHalfFull]).toEqual([true, true, false]);
    other.add(piece('x'.repeat(800)));
    expect([room.isOverfull, one.isOverfull, other.isOverfull]).toEqual([true, true, true]);
    one.clear();
    expect([room.isOverfull, other.isHalfFull]).toEqual([false, true]);
    expect(other.next()).toBeDefined();
    expect(room).toMatchObject({ units: 0 });
  });

  it('takes a state in the place of an older one of the same message', () => {
    const queue = new FollowerQueue<number>(limits);
    for (const content of [1, 2, 3]) {
      queue.add({ type: 'status', messageId: 'a', content });
      queue.add({ type: 'status', messageId: 'b', content });
    }
    expect([queue.next(), queue.next(), queue.next()]).toMatchObject([
      { messageId: 'a', content: 3 },
      { messageId: 'b', content: 3 },
    ]);
  });
});
