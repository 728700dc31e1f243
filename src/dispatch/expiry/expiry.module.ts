import { Module } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { AnswersModule } from '../answers/answers.module.js';
import { ExpirySweep } from './expiry-sweep.js';

/** Ends what expires while it waits. Left out: messages in a worker's hands, whose deadline the worker looks at. */
@Module({ imports: [AnswersModule, EventLogModule, ProjectionReaderModule], providers: [ExpirySweep] })
export class ExpiryModule {}
