import type { ModelRequest } from '../domain/message/message.events.js';

type Routing = NonNullable<ModelRequest['routing']>;

/** What a client may say of where its message is answered; checked by the rules of its fields. */
export interface AskedRouting {
  readonly fallbacks?: readonly string[] | null | undefined;
  readonly strategy?: string | null | undefined;
  readonly session?: string | null | undefined;
  readonly failover?: string | null | undefined;
}

/** As a request keeps it: without what was not asked for, and not at all where nothing was. */
export function routingOf(asked: AskedRouting): Pick<ModelRequest, 'routing'> {
  const { fallbacks, strategy, session, failover } = asked;
  const routing: Routing = {
    ...(fallbacks == null || fallbacks.length === 0 ? {} : { fallbacks: [...fallbacks] }),
    ...(strategy == null ? {} : { strategy }),
    ...(session == null ? {} : { session }),
    ...(failover == null ? {} : { failover: failover as NonNullable<Routing['failover']> }),
  };
  return Object.keys(routing).length === 0 ? {} : { routing };
}
