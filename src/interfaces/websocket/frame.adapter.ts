import type { IncomingMessage, Server } from 'node:http';
import type { WsMessageHandler } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { lastValueFrom, type Observable } from 'rxjs';
import type { WebSocket, WebSocketServer } from 'ws';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { Evidence } from '../../platform/security/caller-proof.js';
import { invalidFields, refused } from '../../submission/refusal.js';
import { readJson } from '../http/json-body.js';
import { serveUpgrades } from '../http/upgrades.js';
import { headOf } from './client-frame.policy.js';
import { FrameClient } from './frame-client.js';
import { PROTOCOL } from './handshake.policy.js';
import { OpenClients } from './open-clients.js';
import { errorFrame } from './server-frames.js';

/** How long a peer may take to answer the service's closing frame. */
const CLOSE_WITHIN_MS = 10_000;
/** What may be asked for while the service stops. */
const ALWAYS: ReadonlySet<string> = new Set(['ping', 'unsubscribe']);

type Handlers = WsMessageHandler<string>[];

/** To be called after `NestFactory.create` and before `init` or `listen`, in processes that serve the API. */
export function serveWebSockets(app: NestFastifyApplication): void {
  app.useWebSocketAdapter(new FrameAdapter(app));
}

/**
 * How Nest's gateways meet our frames: the handshake goes through the routes of HTTP, a client is a `FrameClient`, and a
 * frame goes to the handler that has the name of its `type`.
 */
class FrameAdapter extends WsAdapter {
  private readonly clients: OpenClients;
  private readonly config: ServiceConfig;
  private readonly sources: Sources;

  constructor(private readonly app: NestFastifyApplication) {
    super(app);
    this.clients = app.get(OpenClients, { strict: false });
    this.config = app.get<ServiceConfig>(SERVICE_CONFIG, { strict: false });
    this.sources = app.get<Sources>(SOURCES, { strict: false });
  }

  /** A server of WebSockets that listens nowhere: the route hands it what it has let in. */
  override create(port: number, options: Record<string, unknown>): WebSocketServer {
    return super.create(port, {
      ...options,
      maxPayload: this.config.server.websocket.max_frame_bytes,
      // Compression costs memory for each client, and as much time as it saves bytes.
      perMessageDeflate: false,
      closeTimeout: CLOSE_WITHIN_MS,
      handleProtocols: (offered: Set<string>) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    });
  }

  /** What clients do wrong is theirs to know (`FrameClient`), and no error of ours: nothing is logged of it. */
  override bindErrorHandler(server: WebSocketServer): WebSocketServer {
    return server;
  }

  override bindClientConnect(server: WebSocketServer, serve: (client: FrameClient) => void): void {
    server.on('connection', (socket: WebSocket, request: IncomingMessage, evidence: Evidence) => {
      const limits = this.config.server.websocket;
      const client = new FrameClient(socket, request, evidence, limits, this.sources.steadyMs);
      this.clients.add(client);
      serve(client);
    });
  }

  override bindClientDisconnect(client: FrameClient, callback: () => void): void {
    client.onEnd(callback);
  }

  override bindMessageHandlers(
    client: FrameClient,
    handlers: Handlers,
    transform: (result: unknown) => Observable<unknown>,
  ): void {
    const byType = new Map(handlers.map(({ message, callback }) => [message, callback]));
    client.onFrame(async (json) => {
      try {
        const answer = await this.carryOut(client, byType, transform, json);
        if (answer != null) client.send(answer);
      } catch (error) {
        // The filter has told all that handlers threw: this is an error of its own.
        this.logger.error(error);
      }
    });
  }

  private async carryOut(
    client: FrameClient,
    byType: ReadonlyMap<string, Handlers[number]['callback']>,
    transform: (result: unknown) => Observable<unknown>,
    json: Buffer,
  ): Promise<object | null | undefined> {
    const read = readJson(json, this.config.server.max_body_fields, 'frame');
    if ('refusal' in read) return errorFrame(null, read.refusal.refusal);
    const { requestId, type } = headOf(read.value);
    if (client.admission === null && type !== 'authenticate') {
      client.close('unauthorized', 'The first frame must be of the type authenticate, with a key.');
      return null;
    }
    const callback = byType.get(type ?? '');
    if (callback === undefined) return errorFrame(requestId, unknownType(read.value, byType.keys()));
    if (this.clients.stopping && !ALWAYS.has(type ?? '')) {
      return errorFrame(requestId, refused('service_stopping', 'The service is stopping.').refusal);
    }
    return lastValueFrom(transform(callback(read.value)), { defaultValue: undefined }) as Promise<object>;
  }

  protected override ensureHttpServerExists(_port: number, server?: Server): Server | undefined {
    const fastify = this.app.getHttpAdapter().getInstance();
    if (server !== undefined)
      serveUpgrades(server, (request, response) => fastify.routing(request, response));
    return server;
  }
}

function unknownType(frame: unknown, types: Iterable<string>) {
  const isObject = typeof frame === 'object' && frame !== null && !Array.isArray(frame);
  const field = isObject ? 'type' : 'frame';
  const reason = isObject ? `must be one of ${[...types].sort().join(', ')}` : 'must be a JSON object';
  return invalidFields([{ field, reason }]).refusal;
}
