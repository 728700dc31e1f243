import { isSampled, traceContextOf, traceIdsOf, traceOf, unsampled } from './trace-context.policy.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const traceparent = `00-${TRACE}-${SPAN}-01`;

describe('the trace that a caller names', () => {
  it('is taken as it is', () => {
    expect(traceContextOf(traceparent)).toEqual({ traceparent });
    expect(traceContextOf(traceparent, 'a=1,b=2')).toEqual({ traceparent, tracestate: 'a=1,b=2' });
  });

  it.each([
    undefined,
    ['two', 'headers'],
    '',
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `${traceparent}-more`,
  ])('is none where it is broken: %s', (broken) => {
    expect(traceContextOf(broken, 'a=1')).toEqual({});
  });

  it.each([undefined, '', 'ä=1', 'a=1\n', `a=${'1'.repeat(511)}`])('has no tracestate of %j', (broken) => {
    expect(traceContextOf(traceparent, broken)).toEqual({ traceparent });
  });
});

it('is the two fields alone of an event', () => {
  const event = { id: 'x', traceparent, tracestate: 'a=1' };
  expect(traceOf(event)).toEqual({ traceparent, tracestate: 'a=1' });
  expect(traceOf({ tracestate: 'a=1' })).toEqual({});
});

it.each([
  ['00', false],
  ['01', true],
  ['02', false],
  ['03', true],
  ['fe', false],
  ['ff', true],
])('tells by the flags %s whether it is kept: %s', (flags, kept) => {
  const context = { traceparent: `00-${TRACE}-${SPAN}-${flags}`, tracestate: 'a=1' };
  expect(isSampled(context.traceparent)).toBe(kept);
  const left = unsampled(context);
  expect(isSampled(left.traceparent)).toBe(false);
  expect(left).toEqual({ ...context, traceparent: left.traceparent });
  expect(left.traceparent!.slice(0, -2)).toBe(context.traceparent.slice(0, -2));
});

it('is none that is kept where there is none', () => {
  expect(isSampled(undefined)).toBe(false);
  expect(unsampled({})).toEqual({});
});

it('has its ids', () => {
  expect(traceIdsOf(traceparent)).toEqual({ traceId: TRACE, spanId: SPAN, flags: 1 });
});
