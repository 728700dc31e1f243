import { parseAckSubject } from './ack-subject.js';

describe('parseAckSubject', () => {
  it('reads the form of nine tokens', () => {
    const reply = '$JS.ACK.LLMQ_EVENTS.lane-high.3.42.7.1700000000000000000.5';
    expect(parseAckSubject(reply)).toEqual({ sequence: 42, delivery: 3 });
  });

  it('reads the form with domain and account, with and without the random token', () => {
    const reply = '$JS.ACK._.ACCHASH.LLMQ_EVENTS.lane-high.1.9007.7.1700000000000000000.5';
    expect(parseAckSubject(reply)).toEqual({ sequence: 9007, delivery: 1 });
    expect(parseAckSubject(`${reply}.x1y2`)).toEqual({ sequence: 9007, delivery: 1 });
  });

  it.each(['', '_INBOX.a.b', '$JS.ACK.a.b.c.d.e.f.g', '$JS.API.a.b.1.2.3.4.5'])('refuses %j', (reply) => {
    expect(() => parseAckSubject(reply)).toThrow('Not the reply subject');
  });
});
