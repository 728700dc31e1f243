import { createUser } from '@nats-io/nkeys';
import type { NatsPublisherConfig } from '../../config/config.schema.js';

export interface NewPublisher {
  /** Shown once; nobody keeps it. */
  readonly seed: string;
  readonly config: NatsPublisherConfig;
}

/** A login by a key pair: the configuration keeps the public half, which is no secret. */
export function newPublisher(publisher: Omit<NatsPublisherConfig, 'nkey'>): NewPublisher {
  const user = createUser();
  const seed = new TextDecoder().decode(user.getSeed());
  return { seed, config: { ...publisher, nkey: user.getPublicKey() } };
}
