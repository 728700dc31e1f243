import { assertNever } from '../../domain/assert-never.js';
import type { MessageCompleted, Usage } from '../../domain/message/message.events.js';
import {
  type AnsweredChoice,
  type AnswerFrame,
  choicesOf,
  extraOf,
  type StreamedFrame,
  usageJson,
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
  const { model, usage } = end.data;
  return {
    ...extraOf(end),
    id,
    object: frame.kind === 'chat' ? 'chat.completion' : 'text_completion',
    created,
    model,
    choices: choicesOf(end).map((choice) => wholeChoice(frame, choice)),
    ...(usage === null ? {} : { usage: usageJson(usage) }),
    service_tier,
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
  const { model, usage, answer } = end.data;
  const { completion_tokens, ...counted } = usage === null ? {} : usageJson(usage);
  return {
    ...extraOf(end),
    object: 'list',
    data: answer['data'] ?? [],
    model,
    ...(usage === null
      ? {}
      : { usage: completion_tokens === 0 ? counted : { ...counted, completion_tokens } }),
    service_tier,
  };
}

/** What one chunk of a stream tells. */
export interface ChunkContent {
  /** The model that speaks; the frame's when absent. */
  readonly model?: string;
  /** A piece of one choice, with its `index` (absent for the first) and its `logprobs`. */
  readonly piece?: Readonly<Record<string, unknown>>;
  /** With the last piece of a choice. */
  readonly finishReason?: string;
  /** What else the endpoint said of the choice. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** What else the endpoint said. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Where asked for: null on every chunk but the last, which has no choices. */
  readonly usage?: Usage | null;
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
    ...(usage === undefined ? {} : { usage: usage === null ? null : usageJson(usage) }),
  };
}

function pieceOfChoice(
  { kind }: StreamedFrame,
  piece: Readonly<Record<string, unknown>>,
  { finishReason = null, more }: { readonly finishReason?: string | null; readonly more?: object },
): Record<string, unknown> {
  const { index = 0, logprobs = null, ...delta } = piece;
  const said = kind === 'chat' ? { delta } : { text: delta['content'] ?? '' };
  return { ...more, index, ...said, logprobs, finish_reason: finishReason };
}
