import { assertNever } from '../../domain/assert-never.js';
import type {
  Analysis,
  HistoryChanges,
  MessageAttemptFailed,
  MessageCompleted,
  MessageDeadLettered,
  MessageDeferred,
  MessageDispatched,
  MessageEvent,
  MessageEventOf,
  MessagePrioritized,
  MessageReceived,
  MessageRerouted,
  MessageScheduled,
} from '../../domain/message/message.events.js';
import { type Waiting, waitedUntil, waitWords } from './waiting.policy.js';
import { counted, durationWords } from './words.policy.js';

/** What happened, in a sentence for people. `waiting` is the message's waiting up to this event. */
export function messageWords(event: MessageEvent, waiting: Waiting): string {
  switch (event.type) {
    case 'llmq.message.received.v1':
      return receivedWords(event);
    case 'llmq.message.prioritized.v1':
      return prioritizedWords(event);
    case 'llmq.message.scheduled.v1':
      return scheduledWords(event);
    case 'llmq.message.held.v1':
      return `Held behind turn ${event.data.behind} of its conversation, which has to end first.`;
    case 'llmq.message.dispatched.v1':
      return dispatchedWords(event, waiting);
    case 'llmq.message.attempt-failed.v1':
      return attemptFailedWords(event);
    case 'llmq.message.deferred.v1':
      return deferredWords(event);
    case 'llmq.message.rerouted.v1':
      return reroutedWords(event);
    case 'llmq.message.completed.v1':
      return completedWords(event);
    case 'llmq.message.dead-lettered.v1':
      return deadLetteredWords(event);
    case 'llmq.message.requeued.v1':
      return `Requeued by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.message.dead-letter-discarded.v1':
      return `Removed from the dead letters by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.message.cancelled.v1':
      return `Cancelled by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.message.content-erased.v1':
      return `Content erased by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.message.webhook-tried.v1':
      return webhookWords(event);
    case 'llmq.message.webhook-wanted.v1':
      return `The webhook ${event.data.webhook.type} is to be delivered again, as ${event.data.by} wants.`;
    case 'llmq.message.expired.v1':
      return `Expired: ${event.data.reason.replace(/\.$/, '')}.`;
    default:
      return assertNever(event);
  }
}

const INTAKES: Readonly<Record<string, string>> = {
  rest: 'REST',
  openai: "OpenAI's API",
  websocket: 'WebSocket',
  nats: 'NATS',
};

function receivedWords({ data }: MessageReceived): string {
  return sentence([
    `Received over ${INTAKES[data.source] ?? data.source} from user ${data.user_id}`,
    data.conversation_id === null
      ? null
      : `as a turn of conversation ${data.conversation_given_id ?? data.conversation_id}`,
    data.requested_priority === null ? null : `asking for priority ${data.requested_priority}`,
    data.request.model === null ? null : `for model ${data.request.model}`,
    data.due_at == null ? null : `not to be run before ${data.due_at}`,
    data.deadline === null ? null : `to be given up at ${data.deadline}`,
    data.replay_of == null ? null : `repeating message ${data.replay_of}`,
  ]);
}

const PRIORITY_REASONS: Readonly<Record<string, string>> = {
  explicit: 'the client asked for it',
  metadata: 'the client asked for it in the metadata (user_priority)',
  conversation: 'its conversation has this priority',
  user_default: "it is this user's default",
  default: "it is the service's default",
  analysis: 'its content is urgent',
  requeue: 'it was requeued',
  turn_ready: 'the turn before it has ended',
  aged: 'it waited longer than its lane allows',
};

function prioritizedWords({ data }: MessagePrioritized): string {
  if (data.moved_from != null && data.reason !== 'aged')
    return `Moved in lane ${data.priority} to the route of its model.`;
  if (data.reason === 'retry') return `Back in lane ${data.priority}, for attempt ${data.attempt}.`;
  const rule = data.reason.startsWith('rule:') ? `rule ${data.reason.slice('rule:'.length)} matched` : null;
  const why = rule ?? PRIORITY_REASONS[data.reason] ?? data.reason;
  const found = data.analysis == null ? '' : ` (${analysisWords(data.analysis)})`;
  return `Put into lane ${data.priority}, because ${why}${found}.`;
}

function analysisWords({ tokens, language, question, sentiment, score }: Analysis): string {
  return [
    counted(tokens, 'token'),
    language === null ? 'language unknown' : `language ${language}`,
    question ? 'a question' : 'no question',
    `sentiment ${sentiment}`,
    `urgency ${score}`,
  ].join(', ');
}

function scheduledWords({ data }: MessageScheduled): string {
  return data.reason === 'retry'
    ? `Attempt ${data.attempt} is due at ${data.due_at}.`
    : `To be put into its lane at ${data.due_at}, as the client asked.`;
}

function dispatchedWords(event: MessageDispatched, waiting: Waiting): string {
  const { attempt, delivery, worker, endpoint, model, waited_ms, endpoint_reason } = event.data;
  // A message that went back into its lane uncalled was delivered too. Only one whose call nobody ended was lost.
  const lost = delivery > 1 && waiting.now === null;
  const again = lost ? ` (delivery ${delivery}: an earlier worker did not finish it)` : '';
  const parts = waitedUntil(waiting, event);
  const waited = parts.length > 0 ? waitWords(parts) : `${durationWords(waited_ms)} in all`;
  return `Attempt ${attempt}${again}: worker ${worker} calls endpoint ${endpoint} with model ${model}, because ${endpoint_reason}. It waited ${waited}.${historyWords(event)}`;
}

/** Empty for a message outside a conversation, and for a turn without history. */
function historyWords({ data: { context } }: MessageDispatched): string {
  if (context == null) return '';
  const { turns, tokens, max_tokens: most } = context;
  const sent = [
    ...(context.summarized_up_to == null ? [] : ['a summary']),
    ...(turns.length === 0 ? [] : [counted(turns.length, 'earlier turn')]),
  ];
  return [
    sent.length === 0 ? '' : ` It was sent with ${sent.join(' and ')}.`,
    context.left_out ? ` Older turns did not fit into ${counted(most ?? 0, 'token')}.` : '',
    most != null && tokens > most
      ? ` With the system prompt it is ${tokens} tokens, more than the ${most} that it may be; neither is cut.`
      : '',
    changesWords(context.changes ?? {}),
  ].join('');
}

const CHANGE_WORDS: Readonly<Record<keyof HistoryChanges, (times: number) => string>> = {
  calls_completed: (times) => `${counted(times, 'tool call')} got a marked empty result`,
  results_without_call: (times) => `${counted(times, 'tool result')} had no call`,
  empty_answers_left_out: (times) => `${counted(times, 'turn')} with an empty answer left out`,
  reasoning_left_out: (times) => `the reasoning of ${counted(times, 'message')} left out`,
  system_messages_moved: (times) => `${counted(times, 'system message')} put to the front`,
};

/** Nothing is told of what was sent as it was. */
function changesWords(changes: HistoryChanges): string {
  const words = Object.entries(changes).map(([name, times]) =>
    CHANGE_WORDS[name as keyof HistoryChanges](times ?? 0),
  );
  return words.length === 0 ? '' : ` Changed for the server: ${words.join('; ')}.`;
}

function attemptFailedWords({ data }: MessageAttemptFailed): string {
  const { code, message, status } = data.error;
  const where = data.endpoint === null ? 'before an endpoint was called' : `at endpoint ${data.endpoint}`;
  const http = status === null ? '' : `, HTTP ${status}`;
  return [
    `Attempt ${data.attempt} failed ${where} (${code}${http}): ${ended(message)}`,
    data.chunks_delivered === 0 ? '' : `${counted(data.chunks_delivered, 'piece')} had been delivered.`,
    data.next_retry_at === null
      ? 'There is no further attempt.'
      : `The next is due at ${data.next_retry_at}.`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** Endpoints' words end as they like, and more follows. */
function ended(words: string): string {
  return /[.!?。！？…]$/u.test(words) ? words : `${words}.`;
}

const NOT_NOW_WORDS: Readonly<Record<MessageDeferred['data']['reason'], string>> = {
  rate_limited: 'its rate is limited',
  quota_exceeded: 'its quota is used up',
  unavailable: 'it is not ready',
  refused_connection: 'it refuses connections',
};

function deferredWords({ data }: MessageDeferred): string {
  const http = data.status === null ? '' : ` (HTTP ${data.status})`;
  return [
    `Endpoint ${data.endpoint} did not take the call with model ${data.model}, because ${NOT_NOW_WORDS[data.reason]}${http}: ${ended(data.message)}`,
    data.retry_after_ms === null ? '' : `It asks to wait ${durationWords(data.retry_after_ms)}.`,
    `The message waits in its lane again, and attempt ${data.attempt} is not counted.`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

const REROUTE_WORDS: Readonly<Record<MessageRerouted['data']['mode'], string>> = {
  again: 'Asked again',
  fallback: 'Asked again',
  continue: 'Continued',
  restart: 'Begun anew',
};

function reroutedWords({ data }: MessageRerouted): string {
  const { from, to, mode, delivered_characters: delivered } = data;
  const http = from.error.status === null ? '' : `, HTTP ${from.error.status}`;
  const behind =
    delivered === 0 ? '' : `, ${mode === 'continue' ? 'behind' : 'after'} ${counted(delivered, 'character')}`;
  return `The call at endpoint ${from.endpoint} with model ${from.model} failed (${from.error.code}${http}): ${ended(from.error.message)} ${REROUTE_WORDS[mode]} at endpoint ${to.endpoint} with model ${to.model}${behind}, within attempt ${data.attempt}.`;
}

function completedWords({ data }: MessageCompleted): string {
  const tokens =
    data.usage === null
      ? 'no usage reported'
      : `${counted(data.usage.prompt_tokens, 'token')} asked and ${data.usage.completion_tokens} answered`;
  const first =
    data.first_token_ms === null ? '' : `, the first token after ${durationWords(data.first_token_ms)}`;
  const own = data.endpoint_model == null ? '' : `, which it calls ${data.endpoint_model},`;
  return `Answered by endpoint ${data.endpoint} with model ${data.model}${own} on attempt ${data.attempt} (${data.finish_reason ?? 'no finish reason'}): ${tokens}. ${durationWords(data.queue_ms)} in the queue${first}, ${durationWords(data.total_ms)} in all.`;
}

const DEAD_LETTER_REASONS: Readonly<Record<MessageDeadLettered['data']['reason'], string>> = {
  retries_exhausted: 'all attempts failed',
  not_retryable: 'another attempt would fail again',
  lost_workers: 'too many workers died while they ran it',
};

function deadLetteredWords({ data }: MessageDeadLettered): string {
  return `Given up after attempt ${data.attempt}, because ${DEAD_LETTER_REASONS[data.reason]} (${data.error.code}): ${data.error.message}`;
}

function webhookWords({ data }: MessageEventOf<'llmq.message.webhook-tried.v1'>): string {
  const { webhook, tries, outcome, reason, status, next_try_at: next } = data;
  const http = status === null ? '' : `, HTTP ${status}`;
  const name = `The webhook ${webhook.type}`;
  if (outcome === 'delivered') return `${name} was delivered at try ${tries}${http}.`;
  const why = `${reason ?? 'unknown'}${http}`;
  return outcome === 'retrying'
    ? `${name} was not taken at try ${tries} (${why}). The next try is due at ${next}.`
    : `${name} was given up at try ${tries} (${why}).`;
}

function sentence(parts: readonly (string | null)[]): string {
  return `${parts.filter((part) => part !== null).join(', ')}.`;
}
