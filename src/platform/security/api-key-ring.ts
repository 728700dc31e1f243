import { createHash, timingSafeEqual } from 'node:crypto';
import { type Caller, LOCAL_CALLER } from '../../domain/caller.js';
import type { ApiKeyConfig } from '../config/config.schema.js';

interface KnownKey {
  readonly digest: Buffer;
  readonly caller: Caller;
}

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

  constructor(keys: readonly ApiKeyConfig[]) {
    this.keys = keys.map(({ name, sha256, role, tenant, max_priority: mostUrgent }) => ({
      digest: Buffer.from(sha256, 'hex'),
      caller: Object.freeze({ name, role, tenant, ...(mostUrgent === undefined ? {} : { mostUrgent }) }),
    }));
  }

  /** Without keys everyone is the local caller; the configuration allows that on loopback only. */
  get open(): boolean {
    return this.keys.length === 0;
  }

  /** The caller that an `Authorization` header proves, or null. */
  callerOf(authorization: string | undefined): Caller | null {
    if (this.open) return LOCAL_CALLER;
    const key = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
    return key === undefined ? null : this.match(digestOf(key));
  }

  /** Goes through all keys and compares in constant time, so that the answer's time tells nothing about any of them. */
  private match(digest: Buffer): Caller | null {
    let caller: Caller | null = null;
    for (const known of this.keys) {
      if (timingSafeEqual(known.digest, digest)) caller = known.caller;
    }
    return caller;
  }
}
