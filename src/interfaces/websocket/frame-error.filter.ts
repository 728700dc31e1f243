import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../../platform/tokens.js';
import { RefusedError } from '../../submission/refusal.js';
import { failureOf } from '../http/failure.js';
import { headOf } from './client-frame.policy.js';
import type { FrameClient } from './frame-client.js';

/** Every frame that failed ends here: its client is told in a frame of the type `error`. */
@Catch()
@Injectable()
export class FrameErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const { requestId, type } = headOf(host.switchToWs().getData());
    const failure = failureOf(error);
    if (failure.code === 'internal') {
      const told = error instanceof RefusedError ? {} : { err: error };
      this.logger.error({ ...told, type }, 'a frame failed');
    }
    host.switchToWs().getClient<FrameClient>().refuse(requestId, failure);
  }
}
