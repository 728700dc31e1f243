import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ANSWER_LISTENER, ANSWER_PUBLISHER } from './answers.port.js';
import { InProcessAnswers } from './nats/in-process-answers.js';
import { NatsAnswerListener } from './nats/nats-answer-listener.js';
import { NatsAnswerPublisher } from './nats/nats-answer-publisher.js';
import { WantedPieces } from './nats/wanted-pieces.js';

/**
 * How workers tell of answers, and how others hear of them. Needs `PlatformModule` (global) for the connection.
 * Left out: the streams, which the event log sets up, and the answers themselves, which are in the log.
 * The listener subscribes to nothing until someone waits, so workers may load it at no cost.
 */
@Module({
  providers: [
    InProcessAnswers,
    WantedPieces,
    { provide: ANSWER_PUBLISHER, useClass: NatsAnswerPublisher },
    { provide: ANSWER_LISTENER, useClass: NatsAnswerListener },
  ],
  exports: [ANSWER_PUBLISHER, ANSWER_LISTENER],
})
export class AnswersModule implements OnApplicationShutdown {
  constructor(
    @Inject(ANSWER_LISTENER) private readonly listener: NatsAnswerListener,
    @Inject(WantedPieces) private readonly wanted: WantedPieces,
  ) {}

  onApplicationShutdown(): void {
    this.listener.close();
    this.wanted.close();
  }
}
