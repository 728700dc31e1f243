import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../domain/caller.js';
import type { ApiKeyConfig, DeepReadonly } from '../config/config.schema.js';
import { adminsOperate, effectiveRole } from './key-roles.policy.js';

interface KnownKey {
  readonly digest: Buffer;
  readonly caller: Caller;
  /** Milliseconds since the epoch; infinite for a key that does not expire. */
  readonly expiresAtMs: number;
}

/** The headers that a key can come in, as they were sent. */
export interface SentKey {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | undefined;
}

/** Whose key it is, or why it proves nobody. */
export type KeyHolder = Caller | 'no_key' | 'unknown_key' | 'expired_key';

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

export function digestOf(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/**
 * The configured API keys. The service knows their SHA-256 only: keys are random and long, so that a fast digest gives
 * nothing away, and a configuration file that leaks does not leak them.
 */
export class ApiKeyRing {
  private readonly keys: readonly KnownKey[];

  constructor(keys: DeepReadonly<ApiKeyConfig[]>) {
    const adminsAreOperators = adminsOperate(keys);
    this.keys = keys.map((key) => ({
      digest: Buffer.from(key.sha256, 'hex'),
      expiresAtMs: key.expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at),
      caller: Object.freeze({
        ...{ name: key.name, role: effectiveRole(key, adminsAreOperators), tenant: key.tenant },
        ...(key.max_priority === undefined ? {} : { mostUrgent: key.max_priority }),
      }),
    }));
  }

  /** Nobody needs a key; the configuration allows that on loopback only. */
  get open(): boolean {
    return this.keys.length === 0;
  }

  /**
   * Many clients can't leave out `Authorization` and fill it with anything. So a key in `X-API-Key` counts wherever the
   * other header holds none that is known.
   */
  holderOf(sent: SentKey, nowMs: () => number): KeyHolder {
    const known = this.knownOf(sent);
    if (known !== undefined) return isOver(known, nowMs) ? 'expired_key' : known.caller;
    const isSent = sent.authorization !== undefined || sent['x-api-key'] !== undefined;
    return isSent ? 'unknown_key' : 'no_key';
  }

  /** When the key that counts expires, in milliseconds since the epoch; infinite where none does. */
  endsAtMs(sent: SentKey): number {
    return this.knownOf(sent)?.expiresAtMs ?? Number.POSITIVE_INFINITY;
  }

  private knownOf({ authorization, 'x-api-key': plain }: SentKey): KnownKey | undefined {
    const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
    const sent = [bearer, plain?.trim()].filter((key) => key !== undefined && key !== '');
    return sent.map((key) => this.match(digestOf(key as string))).find((key) => key !== null) ?? undefined;
  }

  /** Goes through all keys and compares in constant time, so that the answer's time tells nothing about any of them. */
  private match(digest: Buffer): KnownKey | null {
    let match: KnownKey | null = null;
    for (const known of this.keys) {
      if (timingSafeEqual(known.digest, digest)) match = known;
    }
    return match;
  }
}

function isOver({ expiresAtMs }: KnownKey, nowMs: () => number): boolean {
  return expiresAtMs !== Number.POSITIVE_INFINITY && nowMs() >= expiresAtMs;
}
