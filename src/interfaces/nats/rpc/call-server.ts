import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { type NatsContext, type OutgoingResponse, ServerNats } from '@nestjs/microservices';
import { callSubjects } from '../../../broker/direct-subjects.policy.js';
import { errorJson } from '../error.json.js';
import { headersOf } from '../intake/published-message.js';
import { CallDeserializer } from './call-payload.js';

/** Processes share the calls among them. */
const QUEUE = 'llmq';

/**
 * Nest's transport of calls over NATS, for callers that need not be Nest's: a payload is the request itself, in JSON, and
 * an answer is `{"data": ...}` or `{"error": ...}`. Each call is served to the service's own login and to every
 * publisher, whose name stands in the subject. It uses the process's connection, which outlives it.
 */
export class CallServer extends ServerNats {
  private readonly open: Subscription[] = [];
  private readonly served = new Set<Promise<unknown>>();

  constructor(
    private readonly nats: NatsConnection,
    maxFields: number,
  ) {
    super({ deserializer: new CallDeserializer(maxFields) });
  }

  override async createNatsClient(): Promise<NatsConnection> {
    return this.nats;
  }

  override bindEvents(nats: NatsConnection): void {
    for (const pattern of this.getHandlers().keys()) {
      for (const subject of callSubjects(pattern)) {
        const callback = (error: Error | null, message: Msg) => {
          if (error === null) this.serve(pattern, message);
        };
        this.open.push(nats.subscribe(subject, { queue: QUEUE, callback }));
      }
    }
  }

  /** The connection's watch logs what becomes of it. */
  override async handleStatusUpdates(): Promise<void> {}

  /** Takes no more, and waits for the calls under way; the connection stays open. */
  override async close(): Promise<void> {
    for (const subscription of this.open.splice(0)) subscription.unsubscribe();
    await Promise.all(this.served);
  }

  /** One answer for each call: the end of Nest's stream of answers is none. */
  override getPublisher(message: Msg, _id: string, _context: NatsContext) {
    return (packet: OutgoingResponse) => {
      if ('err' in packet && packet.err !== undefined) respond(message, { error: packet.err });
      else if ('response' in packet) respond(message, { data: packet.response });
    };
  }

  private serve(pattern: string, message: Msg): void {
    const { refusal } = headersOf(message);
    if (refusal !== undefined) {
      respond(message, { error: errorJson(refusal.refusal) });
      return;
    }
    const work = this.handleMessage(pattern, message)
      .catch((error: unknown) => this.handleError(String(error)))
      .finally(() => this.served.delete(work));
    this.served.add(work);
  }
}

function respond(message: Msg, answer: object): void {
  if (message.reply) message.respond(JSON.stringify(answer));
}
