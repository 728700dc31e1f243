import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  callSubjects,
  isResultSubject,
  namedResultSubject,
  publisherOf,
  resultSubject,
  rootOf,
} from './direct-subjects.policy.js';

const names = fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/);

describe('subjects of publishers', () => {
  it('name the publisher that the server put into them', () => {
    fc.assert(
      fc.property(names, (name) => {
        for (const subject of [`${rootOf(name)}intake.high`, `${rootOf(name)}rpc.messages.get`]) {
          expect(publisherOf(subject)).toBe(name);
        }
      }),
    );
    expect(publisherOf('llmq.rpc.messages.get')).toBeNull();
  });

  it('serve each call by one subject of the own login and one of all publishers', () => {
    expect(callSubjects('llmq.rpc.queues.status')).toEqual([
      ...['llmq.rpc.queues.status', 'llmq.publishers.*.rpc.queues.status'],
    ]);
  });
});

describe('the place of a result', () => {
  it('that a publisher names lies below its own, whatever it writes', () => {
    fc.assert(
      fc.property(
        names,
        fc.oneof(
          fc.string(),
          fc.string().map((end) => `llmq.results.${end}`),
        ),
        (name, named) => {
          const place = namedResultSubject(rootOf(name), named);
          if (place === null) return;
          expect(place.startsWith(`llmq.publishers.${name}.results.`)).toBe(true);
          expect(place).toMatch(/^[A-Za-z0-9_.=-]+$/);
          expect(isResultSubject(place)).toBe(true);
        },
      ),
    );
  });

  it.each([
    'llmq.events.normal.received.0',
    'llmq.results',
    'llmq.results.',
    'llmq.results.*',
    'llmq.results.>',
    'llmq.results.a b',
    'llmq.results..a',
    'llmq.publishers.other.results.a',
    'llmq.intake.high',
    '_INBOX.a',
    '$JS.API.STREAM.LIST',
    'llmq.results.a\r\nPUB llmq.events.x 0',
    `llmq.results.${'a'.repeat(200)}`,
  ])('is not %j', (named) => {
    expect(namedResultSubject(rootOf('billing'), named)).toBeNull();
    expect(namedResultSubject(rootOf(null), named)).toBeNull();
  });

  it('is known again when it comes out of the log, and nothing else is taken for one', () => {
    expect(isResultSubject(resultSubject(rootOf(null), 'a-b'))).toBe(true);
    expect(isResultSubject(resultSubject(rootOf('x'), 'a-b'))).toBe(true);
    for (const other of [
      'llmq.events.x.y.0',
      'llmq.publishers.a.b.results.c',
      'llmq.publishers.a.intake.high',
    ])
      expect(isResultSubject(other)).toBe(false);
  });
});
