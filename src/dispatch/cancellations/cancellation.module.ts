import { Module } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { Cancellations } from './nats/cancellations.js';

/**
 * Which messages are cancelled, known in memory before any worker or relay starts.
 * Left out: cancelling, which is the submission's, and what becomes of a call, which is the worker's.
 */
@Module({ imports: [EventLogModule], providers: [Cancellations], exports: [Cancellations] })
export class CancellationModule {}
