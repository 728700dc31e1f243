import { isReplayed, projectedTraces } from './projected-traces.policy.js';

const trace = (span: string, flags = '01') => ({
  traceparent: `00-0af7651916cd43dd8448eb211c80319c-${span.repeat(16)}-${flags}`,
});
const event = (subject: string, type: string, context: object, second = 1) => ({
  event: { subject, type, time: `2026-01-01T00:00:0${second}.000Z`, ...context },
});

it('tells once of each message whose trace is kept, with its events', () => {
  const told = projectedTraces([
    event('a', 'received', trace('1')),
    event('b', 'received', trace('2', '00')),
    event('a', 'prioritized', trace('1'), 2),
    event('c', 'received', {}),
    event('d', 'completed', { ...trace('3'), tracestate: 'x=1' }, 3),
    event('a', 'requeued', trace('4'), 4),
  ]);
  const at = Date.parse('2026-01-01T00:00:00.000Z');
  expect(told).toEqual([
    { messageId: 'a', trace: trace('1'), events: ['received', 'prioritized'], happenedMs: at + 1_000 },
    {
      messageId: 'd',
      trace: { ...trace('3'), tracestate: 'x=1' },
      events: ['completed'],
      happenedMs: at + 3_000,
    },
    { messageId: 'a', trace: trace('4'), events: ['requeued'], happenedMs: at + 4_000 },
  ]);
});

it('knows history that is read again', () => {
  const told = projectedTraces([event('a', 'received', trace('1'))])[0]!;
  expect(isReplayed(told, told.happenedMs + 60_000)).toBe(false);
  expect(isReplayed(told, told.happenedMs - 60_000)).toBe(false);
  expect(isReplayed(told, told.happenedMs + 3_600_000)).toBe(true);
});
