import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DataSource } from 'typeorm';
import { PlatformModule } from '../../src/app/platform.module.js';
import { connectNats } from '../../src/broker/connect-nats.js';
import { ConversationUpkeepModule } from '../../src/conversations/conversation-upkeep.module.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../../src/dispatch/answers/answers.port.js';
import { DemoEndpointModule } from '../../src/dispatch/endpoints/demo-endpoint.module.js';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { serveApiDocs } from '../../src/interfaces/http/api-docs.js';
import { compressAnswers } from '../../src/interfaces/http/compressed-answers.js';
import { fastifyOptions } from '../../src/interfaces/http/fastify-options.js';
import { serveKeda } from '../../src/interfaces/keda/scaler-server.js';
import { OpenAiModule } from '../../src/interfaces/openai/openai.module.js';
import { ResponsesModule } from '../../src/interfaces/responses/responses.module.js';
import { RestModule } from '../../src/interfaces/rest/rest.module.js';
import { serveWebSockets } from '../../src/interfaces/websocket/frame.adapter.js';
import { serveFrameDocs } from '../../src/interfaces/websocket/frame-docs.js';
import { WebSocketModule } from '../../src/interfaces/websocket/websocket.module.js';
import type { EventLog } from '../../src/log/event-log.port.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import type { Role, ServiceConfig } from '../../src/platform/config/service-config.js';
import { Measures } from '../../src/platform/metrics/measures.js';
import { EVENT_LOG } from '../../src/platform/tokens.js';
import { ProjectorModule } from '../../src/projection/projection.module.js';
import { ProjectionPosition } from '../../src/projection/read/projection-position.js';
import { openDatabase } from '../../src/projection/tables/data-source.js';
import { LiveFeeds } from '../../src/submission/live/live-feeds.js';
import { holdToDescription } from '../support/described-fetch.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { HandWorker } from './gateway.hand-worker.js';

export const MODEL = 'test-model';

export interface Servers {
  readonly nats: TestNats;
  readonly postgres: TestPostgres;
  stop(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  return {
    nats,
    postgres,
    stop: async () => {
      await Promise.all([nats.stop(), postgres.stop()]);
    },
  };
}

export interface Gateway {
  readonly baseUrl: string;
  readonly log: EventLog;
  readonly dataSource: DataSource;
  /** Without a protocol. */
  readonly feeds: LiveFeeds;
  /** Does what a worker would, when the test says so. */
  readonly worker: HandWorker;
  /** Resolves when the tables have all that the log holds now. */
  projected(): Promise<void>;
  /** A provider of the gateway. */
  part<T>(type: Type<T>): T;
  /** Nest's shutdown, as SIGTERM brings it about. */
  close(): Promise<void>;
}

/**
 * The gateway with a real log and a real projection, and no worker unless one is among the `modules`. `overrides` is part
 * of a `config.yaml`.
 */
export async function startGateway(
  { nats, postgres }: Servers,
  overrides: Record<string, unknown> = {},
  { modules = [], roles = ['api', 'projector'] }: { modules?: Type[]; roles?: Role[] } = {},
): Promise<Gateway> {
  const config = { ...configOf(nats, postgres, overrides), roles: new Set(roles) };
  const connection = await connectNats(config, silentLogger);
  const { url, schema, pool_size: poolSize } = config.database;
  const dataSource = await openDatabase({ url, schema, poolSize });
  const platform = PlatformModule.with({
    ...{ config, dataSource, logger: silentLogger, nats: connection },
    telemetry: { prometheus: null, measures: new Measures(), shutdown: async () => undefined },
    durability: { fsync: 'unknown', text: '' },
  });
  @Module({
    imports: [
      platform,
      DemoEndpointModule.at(null),
      ProjectorModule,
      ConversationUpkeepModule,
      RestModule,
      OpenAiModule,
      ResponsesModule,
      WebSocketModule,
      ...modules,
    ],
  })
  class TestModule {}
  const app = await NestFactory.create<NestFastifyApplication>(
    TestModule,
    new FastifyAdapter(fastifyOptions(config)),
    { logger: ['error'], abortOnError: false },
  );
  await compressAnswers(app);
  serveWebSockets(app);
  serveApiDocs(app, '0.0.0');
  serveFrameDocs(app, '0.0.0');
  serveKeda(app, config);
  await app.init();
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  const log = app.get<EventLog>(EVENT_LOG);
  const baseUrl = await app.getUrl();
  holdToDescription(baseUrl);
  return {
    ...{ log, dataSource, baseUrl },
    feeds: app.get(LiveFeeds, { strict: false }),
    worker: new HandWorker(log, app.get<AnswerPublisher>(ANSWER_PUBLISHER, { strict: false })),
    projected: async () => {
      const position = app.get<ProjectionPosition>(ProjectionPosition, { strict: false });
      const isThere = await position.waitFor(await log.lastSequence(), 200_000);
      if (!isThere) throw new Error('The tables are behind the log.');
    },
    part: (type) => app.get(type, { strict: false }),
    close: async () => {
      await app.close();
      await connection.close();
      await dataSource.destroy();
    },
  };
}

/** A connection of a test's own. */
export function connectTo({ url, user, password }: TestNats): Promise<NatsConnection> {
  return connect({ servers: url, user, pass: password, timeout: 60_000 });
}

function configOf(
  nats: TestNats,
  postgres: TestPostgres,
  overrides: Record<string, unknown>,
): Omit<ServiceConfig, 'roles'> {
  const config = configSchema.parse({
    endpoints: [{ name: 'test', base_url: 'http://127.0.0.1:9/v1', models: [MODEL, 'maker/other-model'] }],
    database: { url: postgres.url },
    ...overrides,
    nats: {
      ...{ url: nats.url, user: nats.user, password: nats.password, append_timeout_ms: 30_000 },
      ...(overrides['nats'] as object | undefined),
    },
    // However loaded the machine is, what was written is read, unless a test is about that.
    projection: { read_wait_ms: 30_000, ...(overrides['projection'] as object | undefined) },
    // However loaded the machine is, a stream that fails has its own status, unless a test is about that.
    openai: { stream_headers_after_ms: 60_000, ...(overrides['openai'] as object | undefined) },
  });
  return { ...config, dataDir: nats.dir, configFile: '/nowhere/config.yaml' };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly json: any;
}

export async function request(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const asItIs = typeof body === 'string' || body instanceof Uint8Array;
  const sent = body === undefined ? {} : { body: asItIs ? (body as string) : JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(url, { method, ...sent, headers: { ...type, ...headers } });
  return { status: response.status, headers: response.headers, json: parsed(await response.text()) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Begins a request, and waits until its message is in the log. */
export async function begun<T>(
  { log, worker }: Gateway,
  ask: () => Promise<T>,
): Promise<{ answer: Promise<T>; message: MessageReceived }> {
  const before = await log.lastSequence();
  const answer = ask();
  answer.catch(() => undefined);
  return { answer, message: await worker.received(before) };
}
