import fc from 'fast-check';
import { MESSAGE_STATUSES, type MessageStatus } from '../message/message.state.js';
import { turnOrder } from './turn-order.policy.js';

const turns = (...statuses: MessageStatus[]) =>
  statuses.map((status, index) => ({ messageId: `turn-${index}`, status }));

it('lets the first turn go', () => {
  expect(turnOrder([], false)).toEqual({ kind: 'go' });
});

it('holds a turn behind one that waits, is scheduled or runs', () => {
  for (const status of ['pending', 'scheduled', 'processing'] as const) {
    expect(turnOrder(turns(status, 'completed'), false)).toEqual({ kind: 'behind', messageId: 'turn-0' });
  }
});

it('looks past turns that ended without an answer', () => {
  expect(turnOrder(turns('cancelled', 'expired', 'failed', 'processing'), false)).toEqual({
    kind: 'behind',
    messageId: 'turn-3',
  });
  expect(turnOrder(turns('cancelled', 'failed'), true)).toEqual({ kind: 'look_further' });
  expect(turnOrder(turns('cancelled', 'failed'), false)).toEqual({ kind: 'go' });
});

interface ModelTurn {
  readonly name: string;
  place: number;
  status: MessageStatus;
}

/**
 * A conversation in which any turn may start at any moment, if the rule lets it, unheard ones may end at any time, failed
 * ones may be requeued, and new ones may come. What becomes of a turn is recorded with what had been answered before.
 */
it('never runs two turns at once, nor one before an earlier one, whatever happens in between', () => {
  const step = fc.record({
    turn: fc.nat(11),
    does: fc.constantFrom('accept', 'start', 'start', 'complete', 'fail', 'retry', 'cancel', 'requeue'),
  });
  const ended = ({ status }: ModelTurn) =>
    MESSAGE_STATUSES.indexOf(status) >= MESSAGE_STATUSES.indexOf('completed');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const all: ModelTurn[] = [0, 1, 2, 3].map((at) => ({ name: `${at}`, place: at, status: 'pending' }));
      const answered: string[] = [];
      let end = all.length;
      const before = (turn: ModelTurn) =>
        all.filter(({ place }) => place < turn.place).sort((one, other) => other.place - one.place);
      for (const { turn: at, does } of steps) {
        if (does === 'accept') all.push({ name: `${end}`, place: end++, status: 'pending' });
        const turn = all[at % all.length]!;
        if (does === 'start' && turn.status === 'pending') {
          const earlier = before(turn).map(({ name, status }) => ({ messageId: name, status }));
          if (turnOrder(earlier, false).kind !== 'go') continue;
          turn.status = 'processing';
          // Its context: exactly what was answered so far, in that order.
          const history = before(turn).filter(({ status }) => status === 'completed');
          expect(history.map(({ name }) => name).reverse()).toEqual(answered);
        } else if (does === 'cancel' && !ended(turn)) turn.status = 'cancelled';
        else if (does === 'requeue' && turn.status === 'failed') {
          turn.status = 'pending';
          turn.place = end++;
        } else if (turn.status === 'processing' && does === 'complete') {
          turn.status = 'completed';
          answered.push(turn.name);
        } else if (turn.status === 'processing' && does === 'fail') turn.status = 'failed';
        else if (turn.status === 'processing' && does === 'retry') turn.status = 'pending';
        const running = all.filter(({ status }) => status === 'processing');
        expect(running.length).toBeLessThanOrEqual(1);
        for (const heard of all.filter(({ status }) => ['processing', 'completed'].includes(status))) {
          expect(before(heard).every(ended)).toBe(true);
        }
      }
    }),
  );
});
