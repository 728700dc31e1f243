import type { ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import type { FastifyError, FastifyServerOptions } from 'fastify';
import { systemSources } from '../../platform/clock.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { PROBLEM_TYPE } from '../rest/problem.js';
import { sendFailure } from './error.filter.js';
import { failureOf } from './failure.js';
import { REQUEST_ID } from './request-id.hook.js';
import { requestIdOf } from './request-id.policy.js';

/** JSON writes one byte of content as six at most: a control character becomes `\u0001`. */
const JSON_GROWTH = 6;
/** Only texts need that; larger contents are pictures and files, of which JSON writes each byte as it is. */
const LARGEST_TEXT_BYTES = 4 * 1024 * 1024;
/** For all of a body that is not content: metadata, names, braces. */
const ENVELOPE_BYTES = 256 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
/** Longer than the idle time-outs of common load balancers (60 s), so that they never write into a closing connection. */
const KEEP_ALIVE_MS = 72_000;

const { newId } = systemSources;

/**
 * For `new FastifyAdapter(fastifyOptions(config))`. Bodies, headers and the time to send them have limits. The time to
 * answer has none: a chat completion holds its connection for as long as its message waits and runs.
 */
export function fastifyOptions(config: ServiceConfig): FastifyServerOptions & {
  skipMiddie: boolean;
  http: ServerOptions;
} {
  const { request_timeout_ms: requestTimeoutMs } = config.server;
  return {
    bodyLimit: bodyLimitOf(config.queue.max_content_bytes),
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 0,
    genReqId: ({ headers }) => requestIdOf(headers[REQUEST_ID], newId),
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: requestTimeoutMs,
      // Node looks for requests that take too long at this interval; its own default is half a minute.
      connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000),
    },
    // Names of models are parts of addresses and may be long.
    routerOptions: { maxParamLength: 1_024 },
    // No Nest middleware here: Fastify's own hooks do what is needed, without middie on each request's way.
    skipMiddie: true,
    logger: false,
    clientErrorHandler: answerClientError,
    // The router refuses an address that it can't decode before any hook or filter; tell it in the same form.
    frameworkErrors: (error, request, reply) => {
      reply.header(REQUEST_ID, request.id);
      sendFailure(reply, failureOf(frameworkException(error)), request.url);
    },
  };
}

function bodyLimitOf(maxContentBytes: number): number {
  const text = Math.min(maxContentBytes, LARGEST_TEXT_BYTES);
  return maxContentBytes + text * (JSON_GROWTH - 1) + ENVELOPE_BYTES;
}

function frameworkException({ message, statusCode = 400 }: FastifyError): HttpException {
  return new HttpException(message, statusCode);
}

/** For bytes that are not HTTP, or not in time: there is no request and no reply yet, only the socket. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, title, code] = clientError(error.code);
  const body = JSON.stringify({
    type: `urn:llm-message-queue:problem:${code}`,
    title,
    status,
    detail: title,
    code,
  });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${body.length}\r\n${REQUEST_ID}: ${newId()}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function clientError(code: string | undefined): [status: number, title: string, code: string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'Request Timeout', 'request_timeout'];
  if (code === 'HPE_HEADER_OVERFLOW') return [431, 'Request Header Fields Too Large', 'headers_too_large'];
  return [400, 'Bad Request', 'bad_request'];
}
