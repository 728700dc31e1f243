import { Module } from '@nestjs/common';
import { AnswersModule } from '../../../dispatch/answers/answers.module.js';
import { EventLogModule } from '../../../log/event-log.module.js';
import { BatchesModule } from '../../../operations/batches/batches.module.js';
import { BATCH_LINES } from '../../../operations/batches/lines/batch-lines.port.js';
import { BatchRunner } from '../../../operations/batches/runner/batch-runner.js';
import { BatchTeller } from '../../../operations/batches/runner/batch-teller.js';
import { ResultsSoFar } from '../../../operations/batches/runner/results-so-far.js';
import { WebhooksModule } from '../../../operations/webhooks/webhooks.module.js';
import { SubmissionModule } from '../../../submission/submission.module.js';
import { FilesController } from '../files/files.controller.js';
import { BatchesController } from './batches.controller.js';
import { OpenAiLines } from './openai-lines.js';

/**
 * OpenAI's files and batches, and what carries batches out in this process: here, since what their lines say is this
 * protocol's to know.
 */
@Module({
  imports: [BatchesModule, AnswersModule, EventLogModule, SubmissionModule, WebhooksModule],
  controllers: [FilesController, BatchesController],
  providers: [{ provide: BATCH_LINES, useClass: OpenAiLines }, BatchRunner, BatchTeller, ResultsSoFar],
  exports: [BATCH_LINES, BatchRunner],
})
export class OpenAiBatchesModule {}
