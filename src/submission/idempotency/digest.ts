import { createHash } from 'node:crypto';

/** Short, and of characters that any broker's key may have: 43 of base64url. */
export function digestOf(parts: readonly string[]): string {
  // As JSON, since no part can then run into the next.
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
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
