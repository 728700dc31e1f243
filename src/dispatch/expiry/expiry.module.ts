import { type BeforeApplicationShutdown, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { EventLogModule } from '../../log/event-log.module.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { ExpiredReader } from '../../projection/read/expired-reader.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { AnswersModule } from '../answers/answers.module.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../answers/answers.port.js';
import { ExpirySweep } from './expiry-sweep.js';

/** Ends what expires while it waits. Left out: messages in a worker's hands, whose deadline the worker looks at. */
@Module({
  imports: [AnswersModule, EventLogModule, ProjectionReaderModule],
  providers: [
    {
      provide: ExpirySweep,
      inject: [
        ExpiredReader,
        MessageReader,
        ProjectionPosition,
        EVENT_LOG,
        ANSWER_PUBLISHER,
        SOURCES,
        LOGGER,
      ],
      useFactory: (
        expired: ExpiredReader,
        reader: MessageReader,
        position: ProjectionPosition,
        log: EventLog,
        answers: AnswerPublisher,
        sources: Sources,
        logger: Logger,
      ) => new ExpirySweep({ expired, reader, position, log, answers, sources, logger }),
    },
  ],
})
export class ExpiryModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(ExpirySweep) private readonly sweep: ExpirySweep) {}

  onApplicationBootstrap(): void {
    this.sweep.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.sweep.stop();
  }
}
