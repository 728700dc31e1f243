import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Inject,
  Injectable,
  NotFoundException,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { loggedUrl } from '../../platform/logging/logged-url.policy.js';
import { LOGGER } from '../../platform/tokens.js';
import { RefusedError } from '../../submission/refusal.js';
import { openAiStatus, shouldRetryHeader, toOpenAiError } from '../openai/openai-error.js';
import { PROBLEM_TYPE, toProblem } from '../rest/problem.js';
import { pathOf } from './address.js';
import { type Failure, failureHeaders, failureOf, methodNotAllowed } from './failure.js';
import { KnownRoutes } from './known-routes.js';

/**
 * Every failed request ends here, also those that Fastify refuses before a controller is chosen. The address decides
 * on the shape: OpenAI's under `/v1`, problem+json elsewhere.
 */
@Catch()
@Injectable()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly routes: KnownRoutes,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const failure = this.otherMethod(error, request) ?? failureOf(error);
    // A refusal's maker has told of it already.
    if (failure.code === 'internal' && !(error instanceof RefusedError)) {
      this.logger.error(
        { err: error, method: request.method, path: loggedUrl(request.url) },
        'request failed',
      );
    }
    // Headers that are out can't be taken back; the connection's end tells the client that something broke.
    if (reply.raw.headersSent) return void reply.raw.destroy();
    sendFailure(reply, failure, request.url);
  }

  /** Fastify knows no route for the request; null where none has its path either. */
  private otherMethod(error: unknown, { method, url }: FastifyRequest): Failure | null {
    if (!(error instanceof NotFoundException)) return null;
    const allowed = this.routes.allowedAt(url);
    return allowed.length === 0 ? null : methodNotAllowed(method, allowed);
  }
}

function isOpenAiPath(url: string): boolean {
  const path = pathOf(url);
  return path.startsWith('/v1/') || path === '/v1';
}

export function sendFailure(reply: FastifyReply, failure: Failure, url: string): void {
  reply.headers(failureHeaders(failure));
  if (isOpenAiPath(url)) {
    reply.headers(shouldRetryHeader(failure));
    reply.code(openAiStatus(failure)).type('application/json; charset=utf-8').send(toOpenAiError(failure));
  } else {
    const problem = toProblem(failure);
    reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  }
}
