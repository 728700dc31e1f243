import { createHash, hash } from 'node:crypto';

/** Short, and of characters that any broker's key may have: 43 of base64url. */
export function digestOf(parts: readonly string[]): string {
  // As JSON, since no part can then run into the next.
  return hash('sha256', JSON.stringify(parts), 'base64url');
}

/** The digest of a JSON value, whatever the order of its objects' keys: clients may write the same request differently. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('base64url');
}

function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
      return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? ''
  );
}

/**
 * The id of the message at `index` among those that one request makes: the same for the same seed, so that a request that
 * is carried out again makes the same messages. A UUIDv7 (RFC 9562) with the seed's time, the index in `rand_a`, which
 * sorts the first 4,096 of them, and 62 bits of a digest of the seed, which is random itself, and the index.
 *
 * @param seed a UUIDv7
 */
export function derivedId(seed: string, index: number): string {
  const digest = createHash('sha256').update(`${seed}:${index}`).digest();
  const time = seed.slice(0, 13);
  const sub = (index & 0xfff).toString(16).padStart(3, '0');
  const variant = (((digest[0] ?? 0) & 0x3f) | 0x80).toString(16);
  const rest = digest.subarray(1, 8).toString('hex');
  return `${time}-7${sub}-${variant}${rest.slice(0, 2)}-${rest.slice(2)}`;
}
