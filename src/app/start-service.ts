import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { connectNats } from '../broker/connect-nats.js';
import { natsDurability } from '../broker/nats-durability.js';
import { DEMO_MODELS } from '../demo-model/demo-models.js';
import { startDemoModel } from '../demo-model/demo-server.js';
import { Worker } from '../dispatch/worker/worker.js';
import { serveApiDocs } from '../interfaces/http/api-docs.js';
import { compressAnswers } from '../interfaces/http/compressed-answers.js';
import { fastifyOptions } from '../interfaces/http/fastify-options.js';
import { serveKeda } from '../interfaces/keda/scaler-server.js';
import { CallServer } from '../interfaces/nats/rpc/call-server.js';
import { serveWebSockets } from '../interfaces/websocket/frame.adapter.js';
import { serveFrameDocs } from '../interfaces/websocket/frame-docs.js';
import type { ServiceConfig } from '../platform/config/service-config.js';
import { type EmbeddedServers, startEmbeddedServers } from '../platform/embedded/embedded-servers.js';
import { LogFile } from '../platform/logging/log-file.js';
import { createLogger, standardError } from '../platform/logging/logger.js';
import { NestPinoLogger } from '../platform/logging/nest-pino-logger.js';
import { openFilesLimit } from '../platform/open-files.js';
import { warningOfOpenFiles } from '../platform/open-files.policy.js';
import { type Telemetry, tellTroubles } from '../platform/telemetry/telemetry.js';
import { VERSION } from '../platform/version.js';
import { openDatabase } from '../projection/tables/data-source.js';
import { AppModule } from './app.module.js';
import type { PlatformParts } from './platform.module.js';
import { StopStack } from './stop-stack.js';

export interface RunningService {
  readonly baseUrl: string;
  /** For standard output. */
  readonly greeting: string;
  /** Takes no more messages off the lanes; resolves when all calls to models have ended and are settled. */
  drain(): Promise<void>;
  /** Stops everything in order, within `server.shutdown_timeout_ms` and the time the embedded servers need. Returns the exit code. */
  stop(reason: string): Promise<number>;
}

/**
 * Starts one process of the service: what it rests on first (embedded servers, connections, the demo endpoint), then
 * its modules, then the port. A start that fails stops again what was started.
 *
 * @param telemetry is shut down with the service, and where the start fails
 * @throws {LogFileError | EmbeddedServerError | NatsError | DatabaseError | IncompatibleStreamError | MetricsPortError}
 *   with a `code` and one paragraph
 */
export async function startService(config: ServiceConfig, telemetry: Telemetry): Promise<RunningService> {
  const { logger, closeLog } = await openLogger(config);
  tellTroubles(logger);
  const warning = warningOfOpenFiles(openFilesLimit());
  if (warning !== null) logger.warn(warning);
  const stack = new StopStack(logger);
  try {
    stack.push('telemetry', () => telemetry.shutdown());
    const { parts, demoUrl } = await startFoundation(config, logger, stack, telemetry);
    const app = await startApp(parts, demoUrl, stack);
    const baseUrl = reachableAt(await app.getUrl(), config.server.host);
    const first = config.endpoints[0]?.models[0] ?? DEMO_MODELS[0];
    const model = typeof first === 'string' ? first : first.name;
    return {
      baseUrl,
      greeting: config.roles.has('api')
        ? greeting(baseUrl, config, model)
        : `llm-message-queue ready at ${baseUrl}\n`,
      drain: async () => {
        logger.info('draining');
        if (config.roles.has('worker')) await app.get(Worker, { strict: false }).drain();
      },
      stop: async (reason) => {
        logger.info({ reason }, 'stopping');
        const failed = await stack.stopAll();
        logger.info('stopped');
        await closeLog();
        return failed.length === 0 ? 0 : 1;
      },
    };
  } catch (error) {
    await stack.stopAll();
    await closeLog();
    throw error;
  }
}

/** @throws {LogFileError} */
async function openLogger(config: ServiceConfig): Promise<{ logger: Logger; closeLog: () => Promise<void> }> {
  const { file: path, max_file_bytes: maxBytes, max_files: maxFiles } = config.logging;
  if (path === '') return { logger: createLogger(config), closeLog: async () => {} };
  const file = await LogFile.open({ path, maxBytes, maxFiles }, standardError());
  return { logger: createLogger(config, file), closeLog: () => file.close() };
}

async function startFoundation(
  config: ServiceConfig,
  logger: Logger,
  stack: StopStack,
  telemetry: Telemetry,
) {
  const { config: addressed, natsStore } = await withEmbeddedServers(config, logger, stack);
  const demoUrl = await startDemoIfNeeded(config, logger, stack);
  const nats = await connectNats(addressed, logger);
  stack.push('the NATS connection', () => nats.close());
  const { url, schema, pool_size: poolSize } = addressed.database;
  const dataSource = await openDatabase({ url, schema, poolSize });
  stack.push('the database connections', () => dataSource.destroy());
  const durability = natsDurability(config.nats.url === '');
  logger[durability.fsync === 'per_write' ? 'info' : 'warn'](durability.text);
  const parts: PlatformParts = {
    ...{ config: addressed, logger, nats, dataSource, telemetry, durability },
    natsStore: natsStore ?? null,
  };
  return { parts, demoUrl };
}

/** The configuration with the addresses of the servers that were started because it named none. */
async function withEmbeddedServers(
  config: ServiceConfig,
  logger: Logger,
  stack: StopStack,
): Promise<{ readonly config: ServiceConfig } & Pick<EmbeddedServers, 'natsStore'>> {
  const wantNats = config.nats.url === '';
  const wantPostgres = config.database.url === '';
  const { dataDir } = config;
  const maxStoreBytes = config.nats.max_store_bytes;
  const publishers = config.nats.publishers.flatMap(({ name, nkey }) =>
    nkey === undefined ? [] : [{ name, nkey }],
  );
  const embedded = await startEmbeddedServers({
    ...{ dataDir, logger, wantNats, wantPostgres, maxStoreBytes, publishers },
  });
  stack.push('the embedded servers', () => embedded.stop());
  const addressed = {
    ...config,
    nats: { ...config.nats, ...embedded.nats },
    database: { ...config.database, url: embedded.databaseUrl ?? config.database.url },
  };
  return { config: addressed, natsStore: embedded.natsStore };
}

async function startDemoIfNeeded(
  config: ServiceConfig,
  logger: Logger,
  stack: StopStack,
): Promise<string | null> {
  const wanted = config.endpoints.length === 0 && config.demo.enabled;
  const asksForModels = (['worker', 'api', 'intake'] as const).some((role) => config.roles.has(role));
  if (!wanted || !asksForModels) return null;
  const { port, tokens_per_second: tokensPerSecond } = config.demo;
  const demo = await startDemoModel({ port, host: '127.0.0.1', tokensPerSecond });
  stack.push('the demo endpoint', () => demo.close());
  logger.warn(
    { url: demo.url },
    `no endpoint is configured: the demo endpoint answers, with made-up text. Set \`endpoints\` in ${config.configFile} to use a model.`,
  );
  return demo.url;
}

async function startApp(
  parts: PlatformParts,
  demoUrl: string | null,
  stack: StopStack,
): Promise<NestFastifyApplication> {
  const { config, logger } = parts;
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.of(parts, demoUrl),
    new FastifyAdapter(fastifyOptions(config)),
    { logger: new NestPinoLogger(logger), abortOnError: false, forceCloseConnections: true },
  );
  stack.push('the service', () => app.close());
  await compressAnswers(app);
  if (config.roles.has('api')) serveWebSockets(app);
  if (config.roles.has('api') && config.server.docs !== 'off') {
    serveApiDocs(app, VERSION);
    serveFrameDocs(app, VERSION);
  }
  if (config.roles.has('api')) {
    app.connectMicroservice({ strategy: new CallServer(parts.nats, config.server.max_body_fields) });
    serveKeda(app, config);
    // Nothing is asked of modules that are not ready.
    await app.init();
    await app.startAllMicroservices();
  }
  await app.listen(config.server.port, config.server.host);
  await parts.telemetry.prometheus?.listen();
  return app;
}

/** A server that listens on all addresses, IPv6's and IPv4's, is told by the name that leads to both. */
function reachableAt(url: string, host: string): string {
  return host === '::1' ? url : url.replace('[::1]', 'localhost');
}

/**
 * What a person sees once the service is ready. The first line is a contract with scripts that wait for it.
 *
 * The commands can be copied as they are, with a key where callers need one.
 */
function greeting(baseUrl: string, { security, server }: ServiceConfig, model: string): string {
  const auth = security.api_keys.length > 0 ? ` -H "Authorization: Bearer $LLMQ_KEY"` : '';
  const json = `-H 'content-type: application/json'`;
  const chat = `{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Tell me a story"}]}`;
  return [
    `llm-message-queue ready at ${baseUrl}`,
    'Try:',
    `  curl -s${auth} ${json} -d '{"user_id":"user123","content":"What is a queue?","priority":"high"}' ${baseUrl}/api/v1/messages`,
    `  curl -s${auth} '${baseUrl}/api/v1/messages?user_id=user123'`,
    `  curl -sN${auth} ${json} -d '${chat}' ${baseUrl}/v1/chat/completions`,
    `OpenAI SDKs: base URL ${baseUrl}/v1 (docs/using-an-sdk.md, examples/)`,
    ...(server.docs === 'off' ? [] : [`API: ${baseUrl}/api/docs`]),
    '',
  ].join('\n');
}
