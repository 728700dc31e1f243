import { Module } from '@nestjs/common';
import { EventLogModule } from '../event-log/event-log.module.js';
import { GatewayModule } from '../gateway/gateway.module.js';
import { HttpModule } from '../gateway/http/http.module.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { DeadLetters } from './dead-letters.js';
import { DeadLettersController } from './rest/dead-letters.controller.js';

/** What admins see of messages that failed for good, and do with them. Left out: the alerts, which are a module of their own. */
@Module({
  imports: [HttpModule, GatewayModule, EventLogModule, ProjectionReaderModule],
  controllers: [DeadLettersController],
  providers: [DeadLetters],
})
export class DeadLettersModule {}
