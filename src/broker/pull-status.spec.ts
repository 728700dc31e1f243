import { describe, expect, it } from '@jest/globals';
import { pullStatus } from './pull-status.js';

describe('what the broker says of a pull', () => {
  it('is told apart by code, and by text where one code stands for many', () => {
    expect(pullStatus(100, 'Idle Heartbeat')).toBe('alive');
    expect(pullStatus(404, 'No Messages')).toBe('nothing');
    expect(pullStatus(408, 'Request Timeout')).toBe('over');
    expect(pullStatus(409, 'Message Size Exceeds MaxBytes')).toBe('over');
    expect(pullStatus(409, 'Batch Completed')).toBe('completed');
    expect(pullStatus(409, 'Consumer Deleted')).toBe('broken');
    expect(pullStatus(409, 'Server Shutdown')).toBe('broken');
    expect(pullStatus(503, '')).toBe('broken');
  });
});
