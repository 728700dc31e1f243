import { describe, expect, it } from '@jest/globals';
import { parseDeliverySubject } from './delivery-subject.js';
import { pullStatus } from './pull-status.js';

describe('what the broker says of a pull', () => {
  it('is told apart by code, and by text where one code stands for many', () => {
    expect(pullStatus(100, 'Idle Heartbeat')).toBe('alive');
    expect(pullStatus(408, 'Request Timeout')).toBe('over');
    expect(pullStatus(409, 'Message Size Exceeds MaxBytes')).toBe('over');
    expect(pullStatus(409, 'Batch Completed')).toBe('completed');
    expect(pullStatus(409, 'Consumer Deleted')).toBe('broken');
    expect(pullStatus(409, 'Server Shutdown')).toBe('broken');
    expect(pullStatus(503, '')).toBe('broken');
  });
});

describe('where a delivered event lies', () => {
  it('is read from both forms of its reply subject', () => {
    const position = { streamSequence: 42, consumerSequence: 7 };
    expect(parseDeliverySubject('$JS.ACK.LLMQ_EVENTS.reader.1.42.7.1700000000000000000.5')).toEqual(position);
    const long = '$JS.ACK.hub.ACCOUNT.LLMQ_EVENTS.reader.1.42.7.1700000000000000000.5';
    expect(parseDeliverySubject(long)).toEqual(position);
    expect(parseDeliverySubject(`${long}.rAnD`)).toEqual(position);
  });

  it('is nowhere for other subjects', () => {
    for (const subject of ['', '_INBOX.a.b', '$JS.ACK.too.short', '$JS.ACK.a.b.c.d.e.f.g']) {
      expect(parseDeliverySubject(subject)).toBeNull();
    }
  });
});
