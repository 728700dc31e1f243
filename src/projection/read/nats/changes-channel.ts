import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { NATS } from '../../../platform/tokens.js';
import type { ChangedMessage, Changes, Erased } from '../../tables/changes.js';

/** Core NATS, captured by no stream. What was missed is seen by the gap that it leaves. */
const CHANGES = 'llmq.projection.changes';
const WATCH = 'llmq.projection.watch';
/** Far below what the server takes in one message, however long the names of users are. */
const MOST_IN_ONE = 500;

const changedSchema = z.tuple([z.string(), z.string(), z.string(), z.string().nullable()]);
const erasedSchema = z.tuple([z.enum(['message', 'conversation']), z.string(), z.string()]);
const changesSchema = z.object({
  schema: z.string(),
  from: z.number().int().nonnegative(),
  to: z.number().int().nonnegative(),
  messages: z.array(changedSchema).nullable(),
  erased: z.array(erasedSchema),
});

/**
 * How processes whose clients follow messages hear what the one projector changes. They say that they watch, again and
 * again; the projector tells changes only while somebody does, and answers each time with where it is.
 */
@Injectable()
export class ChangesChannel {
  /** Changes of another schema's projector are not ours: two installations may fold one log. */
  private readonly schema: string;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) { database }: { readonly database: Pick<ServiceConfig['database'], 'schema'> },
  ) {
    this.schema = database.schema;
  }

  /** Does not wait for the network, and does nothing on a closed connection. */
  announce({ from, to, messages, erased }: Changes): void {
    if (this.nats.isClosed()) return;
    let rest = messages ?? [];
    for (; rest.length > MOST_IN_ONE; rest = rest.slice(MOST_IN_ONE)) {
      this.publish({ from, to: from, messages: rest.slice(0, MOST_IN_ONE), erased: [] });
    }
    let gone = erased;
    for (; gone.length > MOST_IN_ONE; gone = gone.slice(MOST_IN_ONE)) {
      this.publish({ from, to: from, messages: [], erased: gone.slice(0, MOST_IN_ONE) });
    }
    this.publish({ from, to, messages: messages === null ? null : rest, erased: gone });
  }

  /** Says that somebody watches. */
  watch(): void {
    if (!this.nats.isClosed()) this.nats.publish(WATCH);
  }

  /** @returns ends the listening */
  onWatch(listener: () => void): () => void {
    const subscription = this.nats.subscribe(WATCH, {
      callback: (error) => {
        if (error === null) listener();
      },
    });
    return () => subscription.unsubscribe();
  }

  /**
   * @param missed called when changes may have been lost, because the connection was away
   * @returns ends the listening
   */
  listen(heard: (changes: Changes) => void, missed: () => void): () => void {
    const stopWatching = ConnectionWatch.of(this.nats).onUp(missed);
    const subscription = this.nats.subscribe(CHANGES, {
      callback: (error, message) => {
        const changes = error === null ? decode(message.data, this.schema) : null;
        if (changes !== null) heard(changes);
      },
    });
    return () => {
      stopWatching();
      subscription.unsubscribe();
    };
  }

  private publish({ from, to, messages, erased }: Changes): void {
    const told = messages?.map(({ id, tenant, userId, conversationId }) => [
      id,
      tenant,
      userId,
      conversationId,
    ]);
    const gone = erased.map(({ kind, tenant, id }) => [kind, tenant, id]);
    const changes = { schema: this.schema, from, to, messages: told ?? null, erased: gone };
    this.nats.publish(CHANGES, JSON.stringify(changes));
  }
}

/** Null for what is not ours, and for what is none: anyone who may publish can have sent it. */
function decode(bytes: Uint8Array, schema: string): Changes | null {
  try {
    const told = changesSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
    if (told?.schema !== schema) return null;
    const { from, to, messages, erased } = told;
    return { from, to, messages: messages?.map(changedOf) ?? null, erased: erased.map(erasedOf) };
  } catch {
    return null;
  }
}

function changedOf([id, tenant, userId, conversationId]: z.infer<typeof changedSchema>): ChangedMessage {
  return { id, tenant, userId, conversationId };
}

function erasedOf([kind, tenant, id]: z.infer<typeof erasedSchema>): Erased {
  return { kind, tenant, id };
}
