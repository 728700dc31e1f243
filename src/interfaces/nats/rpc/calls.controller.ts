import { applyDecorators, Controller, UseFilters, UseGuards } from '@nestjs/common';
import { CallerGuard } from '../../caller.guard.js';
import { CallFailureFilter } from './call-failure.filter.js';

/** A controller of calls over NATS: each knows its caller, and is answered when it fails, too. */
export const CallsController = () =>
  applyDecorators(Controller(), UseGuards(CallerGuard), UseFilters(CallFailureFilter));
