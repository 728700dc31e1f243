import type { RpcExceptionFilter } from '@nestjs/common';
import { Catch, Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { type Observable, throwError } from 'rxjs';
import { LOGGER } from '../../../platform/tokens.js';
import { RefusedError } from '../../../submission/refusal.js';
import { refusalOf } from '../../../submission/refusal-of.js';
import { errorJson } from '../error.json.js';

/** Every call that fails ends here, and is answered with what is wrong. */
@Catch()
@Injectable()
export class CallFailureFilter implements RpcExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown): Observable<never> {
    const refusal = refusalOf(error);
    // A refusal's maker has told of the error itself already.
    if (refusal.code === 'internal' && !(error instanceof RefusedError)) {
      this.logger.error({ err: error }, 'a call over NATS failed');
    }
    return throwError(() => errorJson(refusal));
  }
}
