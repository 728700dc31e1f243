import fc from 'fast-check';
import { codeOfStatus, isRetryableStatus, retryAfterMs } from './retryable.policy.js';

const NOW = Date.parse('2026-01-02T03:04:05Z');

describe('isRetryableStatus', () => {
  it.each([408, 429, 500, 502, 503, 504, 529])('tries again after %i', (status) => {
    expect(isRetryableStatus(status)).toBe(true);
  });

  it.each([300, 302, 400, 401, 403, 404, 409, 413, 415, 422, 425, 451])('gives up after %i', (status) => {
    expect(isRetryableStatus(status)).toBe(false);
  });
});

describe('codeOfStatus', () => {
  it.each([
    [429, 'rate_limited'],
    [401, 'endpoint_unauthorized'],
    [403, 'endpoint_unauthorized'],
    [503, 'endpoint_error'],
    [409, 'endpoint_rejected'],
    [400, 'endpoint_rejected'],
    [302, 'endpoint_rejected'],
  ])('%i is %s', (status, code) => {
    expect(codeOfStatus(status)).toBe(code);
  });
});

describe('retryAfterMs', () => {
  it('reads seconds, milliseconds and dates', () => {
    expect(retryAfterMs({ 'retry-after': '2' }, NOW)).toBe(2_000);
    expect(retryAfterMs({ 'retry-after': ' 0.5 ' }, NOW)).toBe(500);
    expect(retryAfterMs({ 'retry-after': '2', 'retry-after-ms': '350' }, NOW)).toBe(350);
    expect(retryAfterMs({ 'retry-after': 'Fri, 02 Jan 2026 03:04:15 GMT' }, NOW)).toBe(10_000);
  });

  it('takes a time that is over for no wait', () => {
    expect(retryAfterMs({ 'retry-after': 'Fri, 02 Jan 2026 03:00:00 GMT' }, NOW)).toBe(0);
  });

  it.each(['soon', '-1', '', '2026', '1e9', 'Infinity'])('ignores %j', (value) => {
    const wait = retryAfterMs({ 'retry-after': value }, NOW);
    expect(wait).toBe(value === '2026' ? 2_026_000 : null);
  });

  it.each<[Record<string, string>, number | null]>([
    [{ 'x-ratelimit-reset-requests': '1s' }, 1_000],
    [{ 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-reset-tokens': '20ms' }, 20],
    [{ 'x-ratelimit-reset-requests': '2m59.5s', 'x-ratelimit-remaining-requests': '0' }, 179_500],
    [
      {
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-remaining-requests': '4',
        'x-ratelimit-reset-tokens': '7.66s',
        'x-ratelimit-remaining-tokens': '0',
      },
      7_660,
    ],
    [{ 'x-ratelimit-reset': String(NOW / 1_000 + 5) }, 5_000],
    [{ 'x-ratelimit-reset': String(NOW + 250) }, 250],
    [{ 'x-ratelimit-reset': '30' }, 30_000],
    [{ 'x-ratelimit-reset-tokens': '2026-01-02T03:04:07Z' }, 2_000],
    [{ 'x-ratelimit-reset-tokens': 'soon' }, null],
    [{ 'retry-after': '2', 'x-ratelimit-reset': '30' }, 2_000],
  ])('reads when limits begin anew: %j', (headers, wait) => {
    expect(retryAfterMs(headers, NOW)).toBe(wait);
  });

  it('is null without the header', () => {
    expect(retryAfterMs({}, NOW)).toBeNull();
  });

  it('never asks for more than an hour, nor less than nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.nat().map(String), fc.date().map(String)), (value) => {
        const wait = retryAfterMs({ 'retry-after': value }, NOW);
        return wait === null || (Number.isInteger(wait) && wait >= 0 && wait <= 3_600_000);
      }),
    );
  });
});
