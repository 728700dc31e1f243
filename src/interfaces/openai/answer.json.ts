import { assertNever } from '../../domain/assert-never.js';
import { type AnsweredChoice, choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { MessageCompleted } from '../../domain/message/message.events.js';
import {
  type AnswerFrame,
  type AnswerUsage,
  extraOf,
  type StreamedFrame,
  usageJson,
  usageOf,
} from './answer-frame.js';

/**
 * The whole answer in OpenAI's shape: `chat.completion`, `text_completion`, or the list of embeddings. What the endpoint
 * said beyond that shape is in it by its own names.
 */
export function answerJson(frame: AnswerFrame, end: MessageCompleted): Record<string, unknown> {
  switch (frame.kind) {
    case 'chat':
    case 'completion':
      return completionJson(frame as StreamedFrame, end);
    case 'embeddings':
      return embeddingsJson(frame, end);
    default:
      return assertNever(frame.kind);
  }
}

function completionJson(frame: StreamedFrame, end: MessageCompleted): Record<string, unknown> {
  const { id, created, service_tier } = frame;
  const { model } = end.data;
  const used = usageOf(end);
  return {
    id,
    object: frame.kind === 'chat' ? 'chat.completion' : 'text_completion',
    created,
    model,
    choices: choicesOf(end).map((choice) => wholeChoice(frame, choice)),
    service_tier,
    ...(used === null ? {} : usageJson(used)),
    ...extraOf(end),
  };
}

function wholeChoice({ kind }: StreamedFrame, choice: AnsweredChoice): Record<string, unknown> {
  const { index, message, finish_reason, logprobs, more } = choice;
  if (kind === 'completion') return { ...more, index, text: message.content ?? '', logprobs, finish_reason };
  return {
    ...more,
    index,
    message: { refusal: null, ...message, role: 'assistant' },
    logprobs,
    finish_reason,
  };
}

/** Nothing is made by a model here, so no tokens of an answer are counted. */
function embeddingsJson({ service_tier }: AnswerFrame, end: MessageCompleted): Record<string, unknown> {
  const { model, answer } = end.data;
  const used = usageOf(end);
  return {
    ...extraOf(end),
    object: 'list',
    data: answer['data'] ?? [],
    model,
    ...(used === null ? {} : withoutAnswer(usageJson(used))),
    service_tier,
  };
}

function withoutAnswer({ usage, ...beside }: Record<string, unknown>): Record<string, unknown> {
  const { completion_tokens, ...counted } = usage as Record<string, unknown>;
  return { usage: completion_tokens === 0 ? counted : { ...counted, completion_tokens }, ...beside };
}

/** What one chunk of a stream tells. */
export interface ChunkContent {
  /** The model that speaks; the frame's when absent. */
  readonly model?: string | undefined;
  /** A piece of one choice, with its `index` (absent for the first) and its `logprobs`. */
  readonly piece?: Readonly<Record<string, unknown>> | undefined;
  /** With the last piece of a choice. */
  readonly finishReason?: string | undefined;
  /** What else the endpoint said of the choice. */
  readonly more?: Readonly<Record<string, unknown>> | undefined;
  /** What else the endpoint said. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  /** Where asked for: null on every chunk but the last, which has no choices. */
  readonly usage?: AnswerUsage | null | undefined;
}

/** OpenAI's `chat.completion.chunk`, or the piece of a text completion. */
export function chunkJson(frame: StreamedFrame, content: ChunkContent): Record<string, unknown> {
  const { id, created, service_tier } = frame;
  const { piece, usage } = content;
  return {
    ...content.extra,
    id,
    object: frame.kind === 'chat' ? 'chat.completion.chunk' : 'text_completion',
    created,
    model: content.model ?? frame.model,
    service_tier,
    choices: piece === undefined ? [] : [pieceOfChoice(frame, piece, content)],
    ...(usage === undefined ? {} : usage === null ? { usage } : usageJson(usage)),
  };
}

function pieceOfChoice(
  { kind }: StreamedFrame,
  piece: Readonly<Record<string, unknown>>,
  { finishReason, more }: ChunkContent,
): Record<string, unknown> {
  const { index = 0, logprobs = null, ...delta } = piece;
  const said = kind === 'chat' ? { delta } : { text: delta['content'] ?? '' };
  return { ...more, index, ...said, logprobs, finish_reason: finishReason ?? null };
}
