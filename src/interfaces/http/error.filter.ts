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
import { pathBelowOtherBase, unservedPath } from '../openai/unserved-path.policy.js';
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
    const failure = this.unserved(error, request) ?? failureOf(error, request);
    if (failure.code === 'internal') {
      const { id: requestId, method } = request;
      // A refusal's maker has told of the error itself already.
      const told = error instanceof RefusedError ? {} : { err: error };
      this.logger.error({ ...told, requestId, method, path: loggedUrl(request.url) }, 'request failed');
    }
    // Headers that are out can't be taken back; the connection's end tells the client that something broke.
    if (reply.raw.headersSent) return void reply.raw.destroy();
    sendFailure(reply, failure, request.url);
  }

  /** Fastify knows no route for the request; null where there is nothing more to tell. */
  private unserved(error: unknown, { method, url }: FastifyRequest): Failure | null {
    if (!(error instanceof NotFoundException)) return null;
    const allowed = this.routes.allowedAt(url);
    // Otherwise the route itself has found nothing.
    if (allowed.length > 0) return allowed.includes(method) ? null : methodNotAllowed(method, allowed);
    const message = unservedPath(pathOf(url), this.routes.below('/v1/'));
    return message === null ? null : { code: 'not_found', message };
  }
}

function isOpenAiPath(url: string): boolean {
  const path = pathOf(url);
  return path.startsWith('/v1/') || path === '/v1' || pathBelowOtherBase(path) !== null;
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
