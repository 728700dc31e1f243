import 'reflect-metadata';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { AppModule } from '../../src/app/app.module.js';
import { connectNats } from '../../src/broker/connect-nats.js';
import { natsDurability } from '../../src/broker/nats-durability.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../../src/dispatch/answers/answers.port.js';
import { InProcessAnswers } from '../../src/dispatch/answers/nats/in-process-answers.js';
import { NatsAnswerPublisher } from '../../src/dispatch/answers/nats/nats-answer-publisher.js';
import { WantedPieces } from '../../src/dispatch/answers/nats/wanted-pieces.js';
import { EndpointRegistry } from '../../src/dispatch/endpoints/endpoint-registry.js';
import type { ModelEndpoint } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { LOCAL_CALLER } from '../../src/domain/caller.js';
import { LANES } from '../../src/domain/message/lane.policy.js';
import { serveWebSockets } from '../../src/interfaces/websocket/frame.adapter.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { keepHeapsSmall } from '../../src/platform/heap.js';
import { createLogger } from '../../src/platform/logging/logger.js';
import { startTelemetry } from '../../src/platform/telemetry/telemetry.js';
import { openDatabase } from '../../src/projection/tables/data-source.js';
import { SubmitMessage } from '../../src/submission/submit-message.js';
import { closedLoop, type LoopResult } from '../closed-loop.js';
import { WHOLE_PATH } from '../whole-path.load.js';

/**
 * This service's whole path in one process with all roles: submitted, in its lane, dispatched, answered by an
 * in-process endpoint at once, recorded, and projected into PostgreSQL. NATS_URL and DATABASE_URL come from the
 * environment. Prints a LoopResult as JSON.
 */
const config = loadConfig({
  ...process.env,
  LOGGING_LEVEL: 'error',
  QUEUE_WORKER_CONCURRENCY: String(WHOLE_PATH.concurrency),
});
keepHeapsSmall();
const logger = createLogger(config);
const waiting = new Map<string, () => void>();

const noop: ModelEndpoint = {
  name: 'noop',
  models: ['noop'],
  maxConcurrency: WHOLE_PATH.concurrency,
  call: async () => ({
    answer: { role: 'assistant', content: 'ok' },
    finishReason: 'stop',
    model: 'noop',
    // As endpoints tell it; without, the worker counts the tokens of the texts itself.
    usage: { prompt_tokens: 103, completion_tokens: 1, total_tokens: 104 },
    firstTokenMs: null,
  }),
  close: async () => {},
};

const nats = await connectNats(config, logger);
const { url, schema, pool_size: poolSize } = config.database;
const dataSource = await openDatabase({ url, schema, poolSize });
const telemetry = startTelemetry(config, process.env);
const publisher = new NatsAnswerPublisher(nats, new InProcessAnswers(), new WantedPieces(nats));
/** Hears of completions where they are told, as BullMQ's worker tells its own process. */
const heard: AnswerPublisher = {
  wanted: (id, streamed) => publisher.wanted(id, streamed),
  chunk: (id, chunk) => publisher.chunk(id, chunk),
  flush: (id) => publisher.flush(id),
  completed: (notice) => {
    publisher.completed(notice);
    waiting.get(notice.messageId)?.();
    waiting.delete(notice.messageId);
  },
};
const parts = { config, logger, nats, dataSource, telemetry, durability: natsDurability(false) };
const module = await Test.createTestingModule({ imports: [AppModule.of(parts, null)] })
  .overrideProvider(EndpointRegistry)
  .useValue(new EndpointRegistry([noop]))
  .overrideProvider(ANSWER_PUBLISHER)
  .useValue(heard)
  .compile();
const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
serveWebSockets(app);
await app.init();
const intake = app.get(SubmitMessage, { strict: false });

async function one(index: number): Promise<void> {
  const messageId = crypto.randomUUID();
  const done = new Promise<void>((resolve) => waiting.set(messageId, resolve));
  await intake.submit(
    LOCAL_CALLER,
    {
      userId: 'bench',
      conversationId: null,
      request: { content: WHOLE_PATH.content, model: null, parameters: {} },
      requestedPriority: LANES[index % 4]!,
      metadata: {},
      stream: false,
      source: 'rest',
    },
    { messageId },
  );
  await done;
}

await closedLoop(WHOLE_PATH.warmUp, WHOLE_PATH.inFlight, one);
const result: LoopResult = await closedLoop(WHOLE_PATH.messages, WHOLE_PATH.inFlight, one);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
