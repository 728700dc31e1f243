import { Module } from '@nestjs/common';
import { QueuesModule } from '../../operations/queues/queues.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { HttpModule } from '../http/http.module.js';
import { RejectedMessages } from './intake/rejected-messages.js';
import { ConversationCalls } from './rpc/conversation-calls.controller.js';
import { MessageCalls } from './rpc/message-calls.controller.js';
import { QueueCalls } from './rpc/queue-calls.controller.js';
import { RejectedCalls } from './rpc/rejected-calls.controller.js';
import { SubmitCall } from './rpc/submit-call.js';

/**
 * NATS as a protocol of clients: calls to `llmq.rpc` are answered. Leaves out what is published to `llmq.intake`, which
 * is the role `intake`'s, and results, which are told beside the projector.
 */
@Module({
  imports: [HttpModule, SubmissionModule, QueuesModule, ProjectionReaderModule],
  controllers: [ConversationCalls, MessageCalls, QueueCalls, RejectedCalls],
  providers: [RejectedMessages, SubmitCall],
})
export class NatsModule {}
