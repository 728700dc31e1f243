import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { InjectionToken } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import { Claims } from '../../src/conversations/nats/claims.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../../src/dispatch/answers/answers.port.js';
import { InProcessAnswers } from '../../src/dispatch/answers/nats/in-process-answers.js';
import { NatsAnswerPublisher } from '../../src/dispatch/answers/nats/nats-answer-publisher.js';
import { WantedPieces } from '../../src/dispatch/answers/nats/wanted-pieces.js';
import { Cancellations } from '../../src/dispatch/cancellations/nats/cancellations.js';
import { type ModelOffer, plainOffer } from '../../src/dispatch/endpoints/endpoint.state.js';
import { EndpointRegistry } from '../../src/dispatch/endpoints/endpoint-registry.js';
import type {
  ModelAnswer,
  ModelCall,
  ModelEndpoint,
} from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { DueRelay } from '../../src/dispatch/lanes/jetstream/due-relay.js';
import { JetStreamLanes } from '../../src/dispatch/lanes/jetstream/jetstream-lanes.js';
import { RetrySchedules } from '../../src/dispatch/lanes/jetstream/retry-schedules.js';
import { routeOfConsumer } from '../../src/dispatch/lanes/jetstream/route-consumers.js';
import { LANES_PORT, type Lanes } from '../../src/dispatch/lanes/lane.port.js';
import { LanePauses, type PausedLanes } from '../../src/dispatch/lanes/lane-pauses.js';
import { WORKER_PROVIDERS } from '../../src/dispatch/worker/dispatcher.module.js';
import { Worker } from '../../src/dispatch/worker/worker.js';
import type { Lane } from '../../src/domain/message/lane.policy.js';
import type { MessageEventData } from '../../src/domain/message/message.events.js';
import { receive } from '../../src/domain/message/receive.decision.js';
import type { EventLog } from '../../src/log/event-log.port.js';
import { JetStreamEventLog } from '../../src/log/jetstream/jetstream-event-log.js';
import { PartStore } from '../../src/log/jetstream/part-store.js';
import { SOURCES, type Sources, systemSources } from '../../src/platform/clock.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { SERVICE_CONFIG } from '../../src/platform/config/service-config.js';
import { Measures } from '../../src/platform/metrics/measures.js';
import { TELEMETRY } from '../../src/platform/telemetry/telemetry.js';
import { EVENT_LOG, LOGGER, NATS } from '../../src/platform/tokens.js';
import { ConversationReader } from '../../src/projection/read/conversation-reader.js';
import { MessageReader } from '../../src/projection/read/message-reader.js';
import { ProjectionPosition } from '../../src/projection/read/projection-position.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { FoldedLog } from './dispatcher.folded-log.js';

/** Longer than the ack wait: what the broker was not told of comes again, and only then. */
const AS_LONG_AS_IT_TAKES_MS = 150_000;

export type Answering = (call: ModelCall, count: number) => Promise<ModelAnswer>;

/** A model in this process: answers as told, and remembers what it was asked, in order. */
export class TestEndpoint implements ModelEndpoint {
  readonly calls: ModelCall[] = [];
  running = 0;

  constructor(
    private readonly answering: Answering,
    readonly name = 'test',
    readonly models: readonly string[] = ['model'],
    readonly maxConcurrency = 1_000,
  ) {}

  async call(call: ModelCall): Promise<ModelAnswer> {
    this.calls.push(call);
    this.running += 1;
    try {
      return await this.answering(call, this.calls.length);
    } finally {
      this.running -= 1;
    }
  }

  /** The contents of the calls, as they came. */
  get asked(): (string | undefined)[] {
    return this.calls.map((call) => call.request.content);
  }

  async close(): Promise<void> {}
}

export const atOnce: Answering = async (call) => {
  call.onDelta({ content: `re: ${call.request.content}` });
  return {
    answer: { role: 'assistant', content: `re: ${call.request.content}` },
    finishReason: 'stop',
    model: call.model,
    usage: { prompt_tokens: 1, completion_tokens: 2 },
    firstTokenMs: 0,
  };
};

export function after(ms: number): Answering {
  return async (call, count) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return atOnce(call, count);
  };
}

/** At once, but not before `open` is called. */
export function gated(): { readonly answering: Answering; readonly open: () => void } {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const answering: Answering = async (call, count) => {
    await gate;
    return atOnce(call, count);
  };
  return { answering, open };
}

/** Ends by nothing but its signal. */
export const never: Answering = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

export interface Submitted extends Partial<MessageEventData['llmq.message.received.v1']> {
  readonly content?: string;
  readonly model?: string;
}

/** What a worker is built on here and a test may break. */
export interface Surroundings {
  readonly log: EventLog;
  readonly lanes: Lanes;
  readonly pauses: PausedLanes;
  readonly schedules: Pick<RetrySchedules, 'set'>;
  readonly answers: AnswerPublisher;
  readonly cancellations: Cancellations;
  readonly conversations: Pick<ConversationReader, 'find' | 'turns' | 'placeOf'>;
  readonly claims: Claims;
  readonly sources: Sources;
}

export interface RigWorker {
  readonly worker: Worker;
  readonly registry: EndpointRegistry;
  readonly nats: NatsConnection;
  /** As SIGKILL would: its connection is gone, and nothing that it still does reaches anybody. */
  crash(): Promise<void>;
}

export interface WorkerOptions {
  readonly endpoints: readonly ModelEndpoint[];
  readonly concurrency?: number;
  readonly prefetch?: number;
  /**
   * After it the broker gives a message of a dead worker to another. Default 60 s: longer than a busy machine holds this
   * process up, which would be taken for its death.
   */
  readonly ackWaitMs?: number;
  readonly maxLostCalls?: number;
  readonly appendTimeoutMs?: number;
  /** The endpoints' own names of their models, by the clients' name. */
  readonly upstreams?: Readonly<Record<string, string>>;
  /** Replaces surroundings, to break them. */
  readonly broken?: (around: Surroundings) => Partial<Surroundings>;
}

/** Real NATS with the service's streams, a log, a fold of it, and as many workers as wanted. */
export class Rig {
  private readonly workers: RigWorker[] = [];
  private readonly relays: DueRelay[] = [];

  private constructor(
    readonly server: TestNats,
    readonly nats: NatsConnection,
    readonly log: JetStreamEventLog,
    readonly folded: FoldedLog,
    readonly cancellations: Cancellations,
  ) {}

  static async start(): Promise<Rig> {
    const server = await startTestNats();
    const nats = await connectTo(server);
    await ensureStreams(nats, 1);
    const log = logOn(nats);
    const cancellations = new Cancellations(nats, silentLogger);
    await cancellations.onModuleInit();
    return new Rig(server, nats, log, new FoldedLog(log), cancellations);
  }

  async stop(): Promise<void> {
    await this.stopWorkers();
    await this.folded.close();
    await this.nats.close();
    await this.server.stop();
  }

  async stopWorkers(): Promise<void> {
    for (const { worker, nats } of this.workers.splice(0)) {
      await worker.stop(500);
      await nats.close();
    }
    for (const relay of this.relays.splice(0)) await relay.stop();
  }

  async startRelay(): Promise<void> {
    const relay = new DueRelay(this.nats, this.log, this.cancellations, systemSources, silentLogger);
    this.relays.push(relay);
    await relay.start();
  }

  async startWorker(options: WorkerOptions): Promise<RigWorker> {
    const nats = await connectTo(this.server);
    const cancellations = new Cancellations(nats, silentLogger);
    await cancellations.onModuleInit();
    const { endpoints, upstreams = {} } = options;
    const registry = new EndpointRegistry(endpoints, 'least_busy', (name) => ({
      models: endpoints
        .filter((endpoint) => endpoint.name === name)
        .flatMap(({ models }) => models.map((model) => namedOffer(model, upstreams))),
    }));
    const worker = await this.build(nats, cancellations, registry, options);
    const running = { worker, registry, nats, crash: () => nats.close() };
    this.workers.push(running);
    await worker.start();
    return running;
  }

  /** Puts one message into a lane; returns its id. */
  async submit(lane: Lane, { content = 'hello', model, ...rest }: Submitted = {}): Promise<string> {
    const messageId = systemSources.newId();
    const request = { content, model: model ?? null, parameters: {} };
    const context = { messageId, tenant: 'default', lane, newId: systemSources.newId };
    const events = receive(
      { ...context, now: new Date().toISOString(), traceparent: TRACEPARENT },
      {
        request,
        stream: false,
        user_id: 'user',
        conversation_id: null,
        requested_priority: lane,
        metadata: {},
        timeout_ms: 60_000,
        max_retries: 3,
        deadline: null,
        source: 'rest',
        ...rest,
      },
      { priority: lane, reason: 'explicit' },
    );
    await this.log.append(events, { timeoutMs: 30_000 });
    return messageId;
  }

  /** Waits until the message has this history, and fails on any other in the end. */
  async history(messageId: string, expected: readonly string[]): Promise<void> {
    await eventually(
      () => {
        const history = this.folded.historyOf(messageId);
        if (history.join() !== expected.join()) throw new Error(`${messageId} has the history ${history}`);
      },
      { withinMs: AS_LONG_AS_IT_TAKES_MS },
    );
  }

  /** Waits until every lane is empty: nothing pending, nothing held. */
  async lanesEmpty(): Promise<void> {
    const manager = await jetstreamManager(this.nats);
    await eventually(
      async () => {
        for await (const info of manager.consumers.list(EVENTS_STREAM)) {
          const left = info.num_pending + info.num_ack_pending;
          if (routeOfConsumer(info.name) !== null && left > 0)
            throw new Error(`${left} messages are left in ${info.name}`);
        }
      },
      { withinMs: AS_LONG_AS_IT_TAKES_MS },
    );
  }

  /** Messages that workers hold, as the broker counts them. */
  async taken(): Promise<number> {
    const manager = await jetstreamManager(this.nats);
    let taken = 0;
    for await (const { name, num_ack_pending } of manager.consumers.list(EVENTS_STREAM)) {
      if (routeOfConsumer(name) !== null) taken += num_ack_pending;
    }
    return taken;
  }

  private async build(
    nats: NatsConnection,
    cancellations: Cancellations,
    registry: EndpointRegistry,
    options: WorkerOptions,
  ): Promise<Worker> {
    const { concurrency = 4, prefetch = 8, ackWaitMs = 60_000, maxLostCalls = 30 } = options;
    const config = configSchema.parse({
      queue: {
        max_lost_calls: maxLostCalls,
        worker: { concurrency, prefetch, ack_wait_ms: ackWaitMs },
        retry: { base_delay_ms: 100, max_delay_ms: 400 },
      },
    });
    const sound: Surroundings = {
      log: logOn(nats, options.appendTimeoutMs),
      lanes: new JetStreamLanes(nats, config, silentLogger),
      pauses: { isPaused: () => false, onChange: () => () => {} },
      schedules: new RetrySchedules(nats, systemSources),
      answers: new NatsAnswerPublisher(nats, new InProcessAnswers(), new WantedPieces(nats)),
      cancellations,
      // No message of these tests has a conversation.
      conversations: { find: async () => null, turns: async () => [], placeOf: async () => null },
      claims: new Claims(nats, { nats: { append_timeout_ms: 30_000 } }),
      sources: systemSources,
    };
    const around = { ...sound, ...options.broken?.(sound) };
    const given = [
      ...[use(SERVICE_CONFIG, config), use(EVENT_LOG, around.log), use(LANES_PORT, around.lanes)],
      ...[use(LanePauses, around.pauses), use(RetrySchedules, around.schedules)],
      ...[use(EndpointRegistry, registry), use(ANSWER_PUBLISHER, around.answers)],
      ...[use(Cancellations, around.cancellations), use(Claims, around.claims)],
      ...[use(MessageReader, this.folded), use(ProjectionPosition, this.folded)],
      ...[use(ConversationReader, around.conversations), use(SOURCES, around.sources)],
      ...[use(LOGGER, silentLogger), use(NATS, nats)],
      ...[use(PartStore, new PartStore(nats, config)), use(TELEMETRY, { measures: new Measures() })],
    ];
    const module = await Test.createTestingModule({ providers: [...WORKER_PROVIDERS, ...given] }).compile();
    return module.get(Worker);
  }
}

function namedOffer(name: string, upstreams: Readonly<Record<string, string>>): ModelOffer {
  return { ...plainOffer(name), upstream: upstreams[name] ?? name };
}

function use(provide: InjectionToken, useValue: unknown) {
  return { provide, useValue };
}

export const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
export const LARGE_CONTENT = 'x'.repeat(100_000);

function logOn(nats: NatsConnection, appendTimeoutMs = 30_000): JetStreamEventLog {
  return new JetStreamEventLog(nats, silentLogger, {
    appendTimeoutMs,
    appendBufferBytes: 16 * 1024 * 1024,
  });
}

function connectTo(server: TestNats): Promise<NatsConnection> {
  return connect({
    servers: server.url,
    user: server.user,
    pass: server.password,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    timeout: 60_000,
  });
}
