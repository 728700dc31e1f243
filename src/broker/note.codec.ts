import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';

/** Over core NATS: who is not there does not hear it. Nothing while the connection ends. */
export function publishNote(nats: NatsConnection, subject: string, body: unknown): void {
  if (nats.isClosed() || nats.isDraining()) return;
  nats.publish(subject, JSON.stringify(body));
}

/** @returns ends the listening. What is no such note is passed over: anyone who may publish can have sent it. */
export function onNote<T>(
  nats: NatsConnection,
  subject: string,
  schema: z.ZodType<T>,
  heard: (note: T) => void,
): () => void {
  const subscription = nats.subscribe(subject, {
    callback: (error, message) => {
      const note = error === null ? decode(schema, message.data) : null;
      if (note !== null) heard(note);
    },
  });
  return () => subscription.unsubscribe();
}

function decode<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | null {
  try {
    return schema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data ?? null;
  } catch {
    return null;
  }
}
