const KEY = /^[\x20-\x7e]{1,255}$/;

export function isIdempotencyKey(header: unknown): header is string {
  return typeof header === 'string' && KEY.test(header);
}
