import { describe, expect, it } from '@jest/globals';
import { parseAckSubject } from './acks.js';

describe('parseAckSubject', () => {
  it('reads the form of nine tokens', () => {
    const reply = '$JS.ACK.LLMQ_EVENTS.lane-high.3.42.7.1700000000000000000.5';
    expect(parseAckSubject(reply)).toEqual({
      consumer: 'lane-high',
      delivery: 3,
      streamSequence: 42,
      consumerSequence: 7,
      pending: 5,
    });
  });

  it('reads the form with domain and account, with and without the random token', () => {
    const reply = '$JS.ACK._.ACCHASH.LLMQ_EVENTS.lane-high.1.9007.7.1700000000000000000.5';
    const read = {
      consumer: 'lane-high',
      delivery: 1,
      streamSequence: 9007,
      consumerSequence: 7,
      pending: 5,
    };
    expect(parseAckSubject(reply)).toEqual(read);
    expect(parseAckSubject(`${reply}.x1y2`)).toEqual(read);
  });

  it.each(['', '_INBOX.a.b', '$JS.ACK.too.short', '$JS.ACK.a.b.c.d.e.f.g', '$JS.API.a.b.1.2.3.4.5'])(
    'finds none in %j',
    (reply) => {
      expect(parseAckSubject(reply)).toBeNull();
    },
  );
});
