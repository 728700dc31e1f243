import { responseId } from '../../domain/message/response.policy.js';
import type { OutputItem } from './items-of-chat.policy.js';
import { toldParameters } from './model-parameters.policy.js';
import { conversationIdFor } from './response-ids.policy.js';

/** What of a response is known when it is accepted, and never changes. */
export interface ResponseHead {
  readonly messageId: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly instructions: string | null;
  /** The message that it goes on from. */
  readonly behind: string | null;
  /** As clients know it. */
  readonly conversation: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly background: boolean;
  readonly store: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly serviceTier: string;
}

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

/** How far it is. */
export interface ResponseStand {
  readonly status: ResponseStatus;
  readonly model: string;
  readonly output: readonly OutputItem[];
  readonly usage?: Readonly<Record<string, unknown>> | null;
  readonly error?: { readonly code: string; readonly message: string } | null;
  /** Why it is not whole. */
  readonly incomplete?: string | null;
  /** ISO 8601, UTC. */
  readonly completedAt?: string | null;
  /** The service counted, since the endpoint told no usage. */
  readonly estimated?: boolean;
}

/** OpenAI's `response`. */
export function responseJson(head: ResponseHead, stand: ResponseStand): Record<string, unknown> {
  const { status, model, output, usage = null, error = null, incomplete = null, completedAt } = stand;
  return {
    id: responseId(head.messageId),
    object: 'response',
    created_at: seconds(head.createdAt),
    status,
    background: head.background,
    completed_at: status === 'completed' && completedAt != null ? seconds(completedAt) : null,
    error,
    incomplete_details: incomplete === null ? null : { reason: incomplete },
    instructions: head.instructions,
    metadata: head.metadata,
    model,
    output,
    previous_response_id: head.behind === null ? null : responseId(head.behind),
    conversation: head.conversation === null ? null : { id: conversationIdFor(head.conversation) },
    service_tier: head.serviceTier,
    store: head.store,
    ...toldParameters(head.parameters, head.settings),
    usage,
    ...(stand.estimated === true ? { llmq_usage: 'estimated' } : {}),
  };
}

function seconds(time: string): number {
  return Math.floor(Date.parse(time) / 1_000);
}

/** Of an endpoint's usage, in the words of responses. */
export function responseUsage(used: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = used;
  const cached = detail(used['prompt_tokens_details'], 'cached_tokens');
  const reasoning = detail(used['completion_tokens_details'], 'reasoning_tokens');
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: typeof total === 'number' ? total : (input as number) + (output as number),
  };
}

function detail(details: unknown, name: string): number {
  const value = (details as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === 'number' ? value : 0;
}
