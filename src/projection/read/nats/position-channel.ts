import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { onBroadcast } from '../../../broker/broadcasts.js';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { NATS } from '../../../platform/tokens.js';

/** Core NATS, captured by no stream: a position that nobody heard is made good by the next, or by a look at PostgreSQL. */
const SUBJECT = 'llmq.projection.position';

const positionSchema = z.object({
  schema: z.string(),
  applied: z.number().int().nonnegative(),
  run: z.string().min(1),
});

/** How one projector's position reaches every process that shares its log. */
@Injectable()
export class PositionChannel {
  /** Positions of another schema's projector are not ours: two installations may fold one log. */
  private readonly schema: string;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) { database }: { readonly database: Pick<ServiceConfig['database'], 'schema'> },
  ) {
    this.schema = database.schema;
  }

  /** Does not wait for the network, and does nothing on a closed connection. */
  announce(applied: number, run: string): void {
    if (this.nats.isClosed()) return;
    this.nats.publish(SUBJECT, JSON.stringify({ schema: this.schema, applied, run }));
  }

  /**
   * @param missed called when positions may have been lost, because the connection was away
   * @returns ends the listening
   */
  listen(heard: (applied: number, run: string) => void, missed: () => void): () => void {
    const stopWatching = ConnectionWatch.of(this.nats).onUp(missed);
    const stopListening = onBroadcast(this.nats, SUBJECT, positionSchema, ({ schema, applied, run }) => {
      if (schema === this.schema) heard(applied, run);
    });
    return () => {
      stopWatching();
      stopListening();
    };
  }
}
