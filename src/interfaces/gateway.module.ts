import { Module } from '@nestjs/common';
import { ClaimsModule } from '../conversations/nats/claims.js';
import { AnswersModule } from '../dispatch/answers/answers.module.js';
import { CancellationModule } from '../dispatch/cancellations/cancellation.module.js';
import { EndpointsModule } from '../dispatch/endpoints/endpoints.module.js';
import { EventLogModule } from '../log/event-log.module.js';
import { MessageWaits } from '../operations/queues/message-waits.js';
import { QueuesModule } from '../operations/queues/queues.module.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { AdmissionModule } from '../submission/admission/admission.module.js';
import { CancelMessage } from '../submission/cancel-message.js';
import { ConversationAdmission } from '../submission/conversations/conversation-admission.js';
import { ConversationLookup } from '../submission/conversations/conversation-lookup.js';
import { Conversations } from '../submission/conversations/conversations.js';
import { DoubleTextingPolicy } from '../submission/conversations/double-texting.js';
import { EraseConversation } from '../submission/conversations/erase-conversation.js';
import { OnlyOpenTurn } from '../submission/conversations/only-open-turn.js';
import { MessageLookup } from '../submission/message-lookup.js';
import { PreprocessorModule } from '../submission/preprocessor/preprocessor.module.js';
import { SubmitMessage } from '../submission/submit-message.js';
import { AnswerWait } from '../submission/waiting/answer-wait.js';
import { SubmitAndListen } from '../submission/waiting/submit-and-listen.js';
import { WaitingRequests } from '../submission/waiting/waiting-requests.js';
import { HttpModule } from './http/http.module.js';
import { IdempotentRequestsModule } from './http/idempotent-requests.module.js';
import { ChatCompletionsController } from './openai/chat-completions.controller.js';
import { ChatCompletions } from './openai/chat-completions.js';
import { ModelsController } from './openai/models.controller.js';
import { AdminPreprocessorRulesController } from './rest/admin-preprocessor-rules.controller.js';
import { AdminPreprocessorUsersController } from './rest/admin-preprocessor-users.controller.js';
import { ConversationMessagesController } from './rest/conversations/conversation-messages.controller.js';
import { ConversationsController } from './rest/conversations/conversations.controller.js';
import { UserConversationsController } from './rest/conversations/user-conversations.controller.js';
import { MessageBatchController } from './rest/message-batch.controller.js';
import { MessagesController } from './rest/messages.controller.js';

/**
 * The HTTP interfaces of the role `api`: REST under `/api/v1`, and OpenAI's under `/v1`.
 *
 * Leaves out health and metrics, which every role has, and calling any model, which workers do.
 */
@Module({
  imports: [
    HttpModule,
    EventLogModule,
    PreprocessorModule,
    AnswersModule,
    CancellationModule,
    ClaimsModule,
    EndpointsModule,
    ProjectionReaderModule,
    QueuesModule,
    AdmissionModule,
    IdempotentRequestsModule,
  ],
  controllers: [
    AdminPreprocessorRulesController,
    AdminPreprocessorUsersController,
    ConversationMessagesController,
    ConversationsController,
    UserConversationsController,
    MessageBatchController,
    MessagesController,
    ChatCompletionsController,
    ModelsController,
  ],
  providers: [
    Conversations,
    ConversationLookup,
    ConversationAdmission,
    DoubleTextingPolicy,
    OnlyOpenTurn,
    EraseConversation,
    SubmitMessage,
    CancelMessage,
    MessageLookup,
    MessageWaits,
    WaitingRequests,
    AnswerWait,
    ChatCompletions,
    SubmitAndListen,
  ],
  exports: [SubmitMessage, MessageLookup, WaitingRequests],
})
export class GatewayModule {}
