import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';

/** Says something to all processes over core NATS, which keeps nothing. Nothing happens while the connection ends. */
export function broadcast(nats: NatsConnection, subject: string, body: object): void {
  if (nats.isClosed() || nats.isDraining()) return;
  nats.publish(subject, JSON.stringify(body));
}

/**
 * Hears what processes say on a subject. What does not fit the schema is passed over: another version may have sent it, or
 * anyone who may publish.
 *
 * @returns ends the listening
 */
export function onBroadcast<T>(
  nats: NatsConnection,
  subject: string,
  schema: z.ZodType<T>,
  heard: (body: T) => void,
): () => void {
  const subscription = nats.subscribe(subject, {
    callback: (error, message) => {
      const body = error === null ? decoded(schema, message.data) : undefined;
      if (body !== undefined) heard(body);
    },
  });
  return () => {
    if (!nats.isClosed()) subscription.unsubscribe();
  };
}

function decoded<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | undefined {
  try {
    return schema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}
