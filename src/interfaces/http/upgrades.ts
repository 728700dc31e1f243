import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { pathOf } from './address.js';

/** Where WebSockets are opened. */
export const WEBSOCKET_PATH = '/ws';

/** What a request for a WebSocket came on. */
export interface Upgrade {
  readonly socket: Socket;
  /** What the client sent behind its request. */
  readonly head: Buffer;
}

type Routing = (request: IncomingMessage, response: ServerResponse) => void;

const UNDER_WAY = new WeakMap<IncomingMessage, Upgrade & { readonly response: ServerResponse }>();

/**
 * Sends every request for an upgrade through the routes of HTTP, so that its rules hold for all of them by themselves: who
 * is admitted, from which host, and how a refusal is told. A route may take the socket (`takeUpgrade`); an answer ends it.
 *
 * Once somebody listens for upgrades, Node gives up every request that asks for one. Some clients ask for HTTP/2 in that
 * way with every request (`Upgrade: h2c`) and expect to be served without it; those are.
 */
export function serveUpgrades(server: Server, routing: Routing): void {
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!asksForWebSocket(request)) return serveWithout(server, request, socket, head);
    // Node has taken its own listener off: a connection that breaks now would end the process.
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    UNDER_WAY.set(request, { socket, head, response });
    routing(request, response);
  });
}

/** Takes the socket of a request for a WebSocket away from HTTP; null for a request that asks for none. */
export function takeUpgrade(request: IncomingMessage): Upgrade | null {
  const upgrade = UNDER_WAY.get(request);
  if (upgrade === undefined) return null;
  UNDER_WAY.delete(request);
  upgrade.response.detachSocket(upgrade.socket);
  return upgrade;
}

/** Whether the request is to become a WebSocket, at the address for that. */
export function opensWebSocket({ raw, url }: FastifyRequest): boolean {
  return UNDER_WAY.has(raw) && pathOf(url) === WEBSOCKET_PATH;
}

function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Gives the connection back to the server as if the request had not asked for an upgrade. */
function serveWithout(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (isOfUpgrade(name)) continue;
    const value = rawHeaders[at + 1]!;
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? withoutUpgrade(value) : value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

function isOfUpgrade(name: string): boolean {
  return ['upgrade', 'http2-settings'].includes(name.toLowerCase());
}

function withoutUpgrade(connection: string): string {
  const kept = connection.split(',').filter((option) => !isOfUpgrade(option.trim()));
  return kept.length === 0 ? 'keep-alive' : kept.join(',');
}
