import { connect, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import { newPublisher } from '../../src/platform/security/nats/new-publisher.js';

/** A publisher's login, as `npm run keys:create -- --nats` makes it. */
export interface TestPublisher {
  readonly seed: string;
  /** An entry of `nats.publishers`. */
  readonly config: { readonly name: string; readonly nkey: string; readonly tenant: string };
}

export function testPublisher(
  name: string,
  tenant: string,
  more: { readonly max_priority?: 'realtime' | 'high' | 'normal' | 'low' } = {},
): TestPublisher {
  const { seed, config } = newPublisher({ name, tenant, ...more });
  return { seed, config: { ...config, nkey: config.nkey! } };
}

export function connectAs({ seed }: TestPublisher, url: string): Promise<NatsConnection> {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
  // A busy machine may need longer than the client waits by itself.
  return connect({ servers: url, authenticator, timeout: 60_000 });
}
