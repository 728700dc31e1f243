import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { type NatsContext, type OutgoingResponse, ServerNats } from '@nestjs/microservices';
import { callSubjects } from '../../../broker/direct-subjects.policy.js';
import type { Refusal } from '../../../submission/refusal.js';
import { errorJson } from '../error.json.js';
import { headersOf } from '../intake/published-message.js';
import { CallDeserializer } from './call-payload.js';

/** Processes share the calls among them. */
const QUEUE = 'llmq';
/** Of this process, with those that wait for an answer; a call beyond it is refused unread. */
const MOST_CALLS = 4_000;
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Nest's transport of calls over NATS, for callers that need not be Nest's: a payload is the request itself, in JSON, and
 * an answer is `{"data": ...}` or `{"error": ...}`. Each call is served to the service's own login and to every
 * publisher, whose name stands in the subject. It uses the process's connection, which outlives it.
 */
export class CallServer extends ServerNats {
  private readonly open: Subscription[] = [];
  private readonly served = new Set<Promise<unknown>>();
  private servedBytes = 0;

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
      if ('err' in packet && packet.err !== undefined) this.respond(message, { error: packet.err });
      else if ('response' in packet) this.respond(message, { data: packet.response });
    };
  }

  private serve(pattern: string, message: Msg): void {
    if (this.served.size >= MOST_CALLS || this.servedBytes >= MOST_BYTES) {
      this.respond(message, { error: errorJson(OVERLOADED) });
      return;
    }
    const { refusal } = headersOf(message);
    if (refusal !== undefined) {
      this.respond(message, { error: errorJson(refusal.refusal) });
      return;
    }
    const work = this.handleMessage(pattern, message)
      .catch((error: unknown) => this.handleError(String(error)))
      .finally(() => {
        this.served.delete(work);
        this.servedBytes -= message.data.length;
      });
    this.served.add(work);
    this.servedBytes += message.data.length;
  }

  /** The client would throw at an answer that is too large, and the caller would wait in vain. */
  private respond(message: Msg, answer: object): void {
    if (!message.reply) return;
    const whole = Buffer.from(JSON.stringify(answer));
    const most = this.nats.info?.max_payload ?? Number.POSITIVE_INFINITY;
    message.respond(
      whole.length <= most ? whole : JSON.stringify({ error: errorJson(tooLarge(whole.length, most)) }),
    );
  }
}

const OVERLOADED: Refusal = {
  code: 'too_many_waiting',
  message: 'Too many calls are under way; try again shortly.',
};

function tooLarge(bytes: number, most: number): Refusal {
  const reason = `would be ${bytes} bytes, and NATS takes ${most} at most; ask for fewer, or over HTTP`;
  return {
    code: 'content_too_large',
    message: `The answer ${reason}.`,
    problems: [{ field: 'answer', reason }],
  };
}
