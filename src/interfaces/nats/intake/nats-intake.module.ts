import { Module } from '@nestjs/common';
import { SubmissionModule } from '../../../submission/submission.module.js';
import { Intake } from './intake.js';
import { RejectedMessages } from './rejected-messages.js';

/**
 * The role `intake`: what is published to `llmq.intake` becomes messages. Any number of processes share the consumers.
 * Leaves out calls to `llmq.rpc`, which the role `api` answers.
 */
@Module({
  imports: [SubmissionModule],
  providers: [Intake, RejectedMessages],
  exports: [Intake],
})
export class NatsIntakeModule {}
