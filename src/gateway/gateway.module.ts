import { Module } from '@nestjs/common';
import { AnswersModule } from '../answers/answers.module.js';
import { CancellationModule } from '../cancellation/cancellation.module.js';
import { ClaimsModule } from '../conversation/claims.module.js';
import { EndpointsModule } from '../endpoints/endpoints.module.js';
import { EventLogModule } from '../event-log/event-log.module.js';
import { PreprocessorModule } from '../preprocessor/preprocessor.module.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { messageWaitsProvider } from '../queues/message-waits.provider.js';
import { QueuesModule } from '../queues/queues.module.js';
import { CancelMessage } from './cancel-message.js';
import { ConversationAdmission } from './conversations/conversation-admission.js';
import { ConversationLookup } from './conversations/conversation-lookup.js';
import { ConversationMessagesController } from './conversations/conversation-messages.controller.js';
import { ConversationsController } from './conversations/conversations.controller.js';
import { Conversations } from './conversations/conversations.js';
import { DoubleTextingPolicy } from './conversations/double-texting.js';
import { EraseConversation } from './conversations/erase-conversation.js';
import { OnlyOpenTurn } from './conversations/only-open-turn.js';
import { UserConversationsController } from './conversations/user-conversations.controller.js';
import { HttpModule } from './http/http.module.js';
import { IdempotentRequestsModule } from './http/idempotent-requests.module.js';
import { MessageLookup } from './message-lookup.js';
import { AnswerWait } from './openai/answer-wait.js';
import { ChatCompletionsController } from './openai/chat-completions.controller.js';
import { ChatCompletions } from './openai/chat-completions.js';
import { ChatSubmission } from './openai/chat-submission.js';
import { ModelsController } from './openai/models.controller.js';
import { AdminPreprocessorRulesController } from './rest/admin-preprocessor-rules.controller.js';
import { AdminPreprocessorUsersController } from './rest/admin-preprocessor-users.controller.js';
import { LongPoll } from './rest/long-poll.js';
import { MessageBatchController } from './rest/message-batch.controller.js';
import { MessagesController } from './rest/messages.controller.js';
import { SubmitMessage } from './submit-message.js';
import { SubmitOnce } from './submit-once.js';
import { WaitingRequests } from './waiting-requests.js';

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
    SubmitOnce,
    CancelMessage,
    MessageLookup,
    messageWaitsProvider,
    WaitingRequests,
    LongPoll,
    AnswerWait,
    ChatCompletions,
    ChatSubmission,
  ],
  exports: [SubmitMessage, MessageLookup, WaitingRequests],
})
export class GatewayModule {}
