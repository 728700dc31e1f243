import { choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { MessageCompleted } from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import { endedAs } from '../../domain/message/response.policy.js';
import type { MessageView } from '../../projection/read/message-view.js';
import type { AcceptedMessage, Submission } from '../../submission/submission.js';
import { usageOf } from '../openai/answer-frame.js';
import { type EndpointWords, toldError } from '../openai/failed-answer.policy.js';
import { tierOfLane } from '../openai/service-tier.policy.js';
import { answeredItems } from './items-of-chat.policy.js';
import {
  type ResponseHead,
  type ResponseStand,
  type ResponseStatus,
  responseUsage,
} from './response.policy.js';
import { toldLogprobs, type WholeAnswer } from './response-events.policy.js';

export type AskedResponse = Pick<Submission, 'request' | 'metadata' | 'conversationId'>;

/** Of a response that is asked for now. */
export function headOf(
  { request, metadata, conversationId }: AskedResponse,
  accepted: AcceptedMessage,
): ResponseHead {
  const { id: messageId, createdAt, priority } = accepted;
  return {
    ...{ messageId, createdAt, metadata, conversation: conversationId, serviceTier: tierOfLane(priority) },
    ...askedOf(request),
  };
}

/** Of one that is read again. */
export function headOfView(view: MessageView): ResponseHead {
  const { id: messageId, createdAt, metadata, conversationId: conversation, priority } = view;
  return {
    ...{ messageId, createdAt, metadata, conversation, serviceTier: tierOfLane(priority) },
    ...askedOf(view.asked),
  };
}

function askedOf({ parameters, instructions, behind, response }: MessageView['asked']) {
  return {
    ...{ parameters, instructions: instructions ?? null, behind: behind ?? null },
    ...(response ?? { background: false, store: true, settings: {} }),
  };
}

const STATUSES: Readonly<Record<MessageStatus, ResponseStatus>> = {
  pending: 'queued',
  scheduled: 'queued',
  processing: 'in_progress',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'failed',
};

/** How far a response is, as the tables tell it: without the logprobs, which they do not have. */
export function standOf(view: MessageView, words: EndpointWords): ResponseStand {
  const { id, result } = view;
  const status = STATUSES[view.status];
  const model = result?.model ?? view.model ?? '';
  if (status === 'failed') return { status, model, output: [], error: errorOf(view, words) };
  if (status !== 'completed' || result === null) return { status, model, output: [] };
  const ended = endedAs(result.finishReason);
  const { estimated, ...usage }: Record<string, unknown> = result.usage ?? {};
  return {
    ...{ ...ended, model, output: answeredItems(id, result.answer, ended.status) },
    usage: result.usage === null ? null : responseUsage(usage),
    estimated: estimated === true,
    completedAt: view.completedAt,
  };
}

/** As the stream of its answer has told it. */
function errorOf(
  { status, error, attempts }: MessageView,
  words: EndpointWords,
): NonNullable<ResponseStand['error']> {
  const expired = status === 'expired';
  const told = error === null ? null : toldError(error, expired ? 1 : attempts, words);
  if (!expired) return told ?? { code: 'server_error', message: '' };
  if (told === null) return { code: 'expired', message: 'The message expired.' };
  return { ...told, message: `The message expired: ${told.message}` };
}

/** What the end of its message says of an answer. */
export function wholeAnswer(end: MessageCompleted): WholeAnswer {
  const used = usageOf(end);
  return {
    ...{ model: end.data.model, finishReason: end.data.finish_reason, completedAt: end.time },
    usage: used === null ? null : responseUsage(used.usage),
    estimated: used?.estimated === true,
  };
}

/** The same for one that was asked for now. */
export function standAtEnd(messageId: string, end: MessageCompleted): ResponseStand {
  const { finishReason, ...whole } = wholeAnswer(end);
  const ended = endedAs(finishReason);
  const logprobs = toldLogprobs(choicesOf(end)[0]?.logprobs);
  return { ...whole, ...ended, output: answeredItems(messageId, end.data.answer, ended.status, logprobs) };
}
