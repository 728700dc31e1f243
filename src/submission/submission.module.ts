import { Module } from '@nestjs/common';
import { ClaimsModule } from '../conversations/nats/claims.js';
import { AnswersModule } from '../dispatch/answers/answers.module.js';
import { CancellationModule } from '../dispatch/cancellations/nats/cancellations.js';
import { EndpointsModule } from '../dispatch/endpoints/endpoints.module.js';
import { LaneStateModule } from '../dispatch/lanes/lane-state.module.js';
import { AdminModule } from '../log/admin/admin.module.js';
import { EventLogModule } from '../log/event-log.module.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { LaneAdmission } from './admission/lane-admission.js';
import { CancelMessage } from './cancel-message.js';
import { ConversationAdmission } from './conversations/conversation-admission.js';
import { ConversationLimit } from './conversations/conversation-limit.js';
import { ConversationLookup } from './conversations/conversation-lookup.js';
import { Conversations } from './conversations/conversations.js';
import { DoubleTextingPolicy } from './conversations/double-texting.js';
import { EraseConversation } from './conversations/erase-conversation.js';
import { NoteTurns } from './conversations/note-turns.js';
import { OnlyOpenTurn } from './conversations/only-open-turn.js';
import { EraseMessage } from './erase-message.js';
import { Idempotency } from './idempotency/idempotency.js';
import { FirstTries } from './idempotency/nats/first-tries.js';
import { ReservationStore } from './idempotency/nats/reservation-store.js';
import { SubmitOnce } from './idempotency/submit-once.js';
import { LiveFeeds } from './live/live-feeds.js';
import { LiveWaits } from './live/live-waits.js';
import { MessageChanges } from './live/message-changes.js';
import { OwnerReads } from './live/owner-reads.js';
import { StandingReads } from './live/standing-reads.js';
import { MessageLookup } from './message-lookup.js';
import { Analyser } from './preprocessor/analyser.js';
import { PreprocessorSettings } from './preprocessor/preprocessor-settings.js';
import { Prioritizer } from './preprocessor/prioritizer.js';
import { SubmitMessage } from './submit-message.js';
import { AnswerWait } from './waiting/answer-wait.js';
import { MessageWaits } from './waiting/message-waits.js';
import { SubmitAndListen } from './waiting/submit-and-listen.js';
import { WaitNews } from './waiting/wait-news.js';
import { WaitingRequests } from './waiting/waiting-requests.js';

const COMMANDS = [
  ...[SubmitMessage, SubmitOnce, SubmitAndListen, CancelMessage, EraseMessage],
  ...[Conversations, EraseConversation, NoteTurns],
];
const READS = [MessageLookup, AnswerWait, WaitingRequests, MessageWaits, WaitNews, LiveFeeds];
const LIVE = [LiveWaits, MessageChanges, OwnerReads, StandingReads];
const SERVICES = [FirstTries, Idempotency, Prioritizer, PreprocessorSettings];

/**
 * The way in, the same for every protocol: messages are submitted, cancelled, looked up and waited for, and
 * conversations are made and changed. Requests are values, callers are values, and refusals are codes.
 *
 * Leaves out every protocol, and calling any model, which workers do.
 */
@Module({
  imports: [
    AdminModule,
    AnswersModule,
    CancellationModule,
    ClaimsModule,
    EndpointsModule,
    EventLogModule,
    LaneStateModule,
    ProjectionReaderModule,
  ],
  providers: [
    ...[...COMMANDS, ...READS, ...SERVICES],
    ...[Analyser, LaneAdmission, ReservationStore, ...LIVE],
    ...[ConversationAdmission, ConversationLimit, ConversationLookup, DoubleTextingPolicy, OnlyOpenTurn],
  ],
  exports: [...COMMANDS, ...READS, ...SERVICES],
})
export class SubmissionModule {}
