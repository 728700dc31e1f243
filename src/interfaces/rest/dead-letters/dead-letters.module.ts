import { Module } from '@nestjs/common';
import { EventLogModule } from '../../../log/event-log.module.js';
import { DeadLetters } from '../../../operations/dead-letters/dead-letters.js';
import { ProjectionReaderModule } from '../../../projection/projection.module.js';
import { GatewayModule } from '../../gateway.module.js';
import { HttpModule } from '../../http/http.module.js';
import { DeadLettersController } from './dead-letters.controller.js';

/** What admins see of messages that failed for good, and do with them. Left out: the alerts, which are a module of their own. */
@Module({
  imports: [HttpModule, GatewayModule, EventLogModule, ProjectionReaderModule],
  controllers: [DeadLettersController],
  providers: [DeadLetters],
})
export class DeadLettersModule {}
