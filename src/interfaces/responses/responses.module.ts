import { Module } from '@nestjs/common';
import { AnswersModule } from '../../dispatch/answers/answers.module.js';
import { EventLogModule } from '../../log/event-log.module.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { HttpModule } from '../http/http.module.js';
import { IdempotentRequestsModule } from '../http/idempotent-requests.module.js';
import { OpenAiModule } from '../openai/openai.module.js';
import { WebSocketModule } from '../websocket/websocket.module.js';
import { ConversationItems } from './conversation-items.js';
import { OpenAiConversationsController } from './conversations.controller.js';
import { ResponseEndings } from './response-endings.js';
import { ResponseReplay } from './response-replay.js';
import { ResponseSockets } from './response-sockets.js';
import { ResponsesController } from './responses.controller.js';
import { StoredResponses } from './stored-responses.js';

/**
 * OpenAI's Responses API. It translates: a request becomes a chat, whose pieces become events. What is read later is read
 * of the message.
 */
@Module({
  imports: [
    ...[AnswersModule, EventLogModule, HttpModule, IdempotentRequestsModule, OpenAiModule],
    ...[ProjectionReaderModule, SubmissionModule, WebSocketModule],
  ],
  controllers: [ResponsesController, OpenAiConversationsController],
  providers: [ConversationItems, ResponseEndings, ResponseReplay, ResponseSockets, StoredResponses],
})
export class ResponsesModule {}
