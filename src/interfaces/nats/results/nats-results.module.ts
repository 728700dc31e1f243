import { Module } from '@nestjs/common';
import { EventLogModule } from '../../../log/event-log.module.js';
import { ProjectionReaderModule, ProjectorModule } from '../../../projection/projection.module.js';
import { ResultRelay } from './result-relay.js';

/** Part of the role `projector`: tells NATS publishers how their messages ended. Leaves out taking them in. */
@Module({ imports: [ProjectorModule, ProjectionReaderModule, EventLogModule], providers: [ResultRelay] })
export class NatsResultsModule {}
