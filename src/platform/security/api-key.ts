import { randomBytes } from 'node:crypto';
import type { ApiKeyConfig } from '../config/config.schema.js';
import { digestOf } from './api-key-ring.js';

export interface NewKey {
  /** Shown once; nobody keeps it. */
  readonly key: string;
  readonly config: ApiKeyConfig;
}

/** 256 random bits, so that guessing is hopeless and a fast digest is enough; the prefix lets secret scanners find it. */
export function newApiKey(owner: Omit<ApiKeyConfig, 'sha256'>): NewKey {
  const key = `llmq_${randomBytes(32).toString('base64url')}`;
  return { key, config: { ...owner, sha256: digestOf(key).toString('hex') } };
}
