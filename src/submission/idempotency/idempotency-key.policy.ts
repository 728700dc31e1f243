export const MAX_KEY_LENGTH = 255;

const KEY = new RegExp(`^[\\x20-\\x7e]{1,${MAX_KEY_LENGTH}}$`);

export function isIdempotencyKey(header: unknown): header is string {
  return typeof header === 'string' && KEY.test(header);
}
