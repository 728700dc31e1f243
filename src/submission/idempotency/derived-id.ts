import { createHash } from 'node:crypto';

/**
 * The id of the message at `index` (0 to 4,095) among those that one request makes: the same for the same seed, so that
 * a request that is carried out again makes the same messages. A UUIDv7 (RFC 9562) with the seed's time, the index in
 * `rand_a`, which sorts them, and 62 bits of a digest of the seed, which is random itself.
 *
 * @param seed a UUIDv7
 */
export function derivedId(seed: string, index: number): string {
  const digest = createHash('sha256').update(`${seed}:${index}`).digest();
  const time = seed.slice(0, 13);
  const sub = index.toString(16).padStart(3, '0');
  const variant = (((digest[0] ?? 0) & 0x3f) | 0x80).toString(16);
  const rest = digest.subarray(1, 8).toString('hex');
  return `${time}-7${sub}-${variant}${rest.slice(0, 2)}-${rest.slice(2)}`;
}
