import type { ModelRequest } from '../../../domain/message/message.events.js';
import { isQueueField } from '../../../domain/message/queue-fields.policy.js';

/**
 * How an endpoint is asked is the queue's business. Its own fields are refused where a request comes in; requests from
 * before that was so may still hold them.
 */
const ASKED_BY_THE_QUEUE: ReadonlySet<string> = new Set(['stream', 'stream_options', 'service_tier']);

/** How an endpoint is asked. */
export interface Asking {
  /** As a stream, so that listeners and the time limits see what comes. */
  readonly stream: boolean;
  /** A stream is to end with the usage: without it the protocol leaves it out of streams. */
  readonly usage: boolean;
  /** Text that the answer is to go on behind. */
  readonly prefill?: string;
  /** The endpoint is known to want to be told that the last message is to be gone on with. */
  readonly continuesWhenTold?: boolean;
}

type Body = Record<string, unknown>;

/** The path below the base URL. */
export function pathOf({ kind = 'chat' }: ModelRequest): string {
  return { chat: '/chat/completions', completion: '/completions', embeddings: '/embeddings' }[kind];
}

/**
 * Answers that are given whole only: embeddings; audio and images, whose pieces are not joined by any rule that all
 * servers share; and the best of several completions, which is known at the end.
 */
export function isWholeOnly({ kind = 'chat', parameters }: ModelRequest): boolean {
  const { modalities, audio, best_of, n } = parameters;
  if (kind === 'embeddings') return true;
  if (kind === 'completion') return typeof best_of === 'number' && best_of > (typeof n === 'number' ? n : 1);
  const other = Array.isArray(modalities) && modalities.some((modality) => modality !== 'text');
  return other || (audio !== undefined && audio !== null);
}

/** The body of a call. */
export function requestBody(request: ModelRequest, model: string, asking: Asking): Body {
  const { parameters } = request;
  const body: Body = {};
  for (const name of Object.keys(parameters)) {
    const value = parameters[name];
    if (!ASKED_BY_THE_QUEUE.has(name) && !isQueueField(name, value)) body[name] = value;
  }
  body['model'] = model;
  Object.assign(body, askedOf(request, asking));
  if (asking.stream) body['stream'] = true;
  if (asking.stream && asking.usage) body['stream_options'] = { include_usage: true };
  return body;
}

function askedOf({ kind = 'chat', content, messages, parameters }: ModelRequest, asking: Asking): Body {
  const { prefill = '' } = asking;
  if (kind === 'embeddings') return {};
  if (kind === 'completion') {
    const { prompt } = parameters;
    return typeof prompt === 'string' && prefill !== '' ? { prompt: prompt + prefill } : {};
  }
  const asked = messages ?? [{ role: 'user', content: content ?? '' }];
  if (prefill === '') return { messages: asked };
  return {
    messages: [...asked, { role: 'assistant', content: prefill }],
    ...(asking.continuesWhenTold === true
      ? { continue_final_message: true, add_generation_prompt: false }
      : {}),
  };
}
