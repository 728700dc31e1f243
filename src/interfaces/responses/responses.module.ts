import { Module } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { HttpModule } from '../http/http.module.js';
import { IdempotentRequestsModule } from '../http/idempotent-requests.module.js';
import { OpenAiModule } from '../openai/openai.module.js';
import { ResponsesController } from './responses.controller.js';
import { StoredResponses } from './stored-responses.js';

/**
 * OpenAI's Responses API. It translates: a request becomes a chat, whose pieces become events. What is read later is read
 * of the message.
 */
@Module({
  imports: [EventLogModule, HttpModule, IdempotentRequestsModule, SubmissionModule, OpenAiModule],
  controllers: [ResponsesController],
  providers: [StoredResponses],
})
export class ResponsesModule {}
