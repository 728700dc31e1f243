import type { CallKind, ModelRequest, Usage } from '../../domain/message/message.events.js';
import type { CallFailure } from './verdict.policy.js';

/** Attributes of a span; those that are undefined are left out by the SDK. */
type CallAttributes = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** `gen_ai.operation.name`, in OpenTelemetry's GenAI conventions. */
const OPERATIONS: Readonly<Record<CallKind, string>> = {
  chat: 'chat',
  completion: 'text_completion',
  embeddings: 'embeddings',
};

export interface DescribedCall {
  readonly request: ModelRequest;
  readonly endpoint: string;
  /** What clients call it. */
  readonly model: string;
  /** What the endpoint is asked for. */
  readonly upstream: string;
  readonly server: { readonly provider: string; readonly address: string; readonly port: number } | undefined;
  readonly messageId: string;
  readonly conversationId: string | null;
  readonly lane: string;
  readonly attempt: number;
  readonly delivery: number;
  /** Which call of the attempt it is, from 1: a failover makes several. */
  readonly call: number;
  /** How long the message waited in its lane for this attempt. */
  readonly queueMs: number;
  readonly sinceReceivedMs: number;
}

export function callSpanName({ request, upstream }: Pick<DescribedCall, 'request' | 'upstream'>): string {
  return `${operationOf(request)} ${upstream}`;
}

/** What is known before the call, and nothing of its content. */
export function callAttributes(call: DescribedCall): CallAttributes {
  const { parameters } = call.request;
  const number = (name: string) => numberIn(parameters, name);
  const choices = number('n');
  return {
    'gen_ai.operation.name': operationOf(call.request),
    'gen_ai.provider.name': call.server?.provider ?? '_OTHER',
    'gen_ai.request.model': call.upstream,
    'gen_ai.conversation.id': call.conversationId ?? undefined,
    'gen_ai.request.max_tokens': number('max_completion_tokens') ?? number('max_tokens'),
    'gen_ai.request.temperature': number('temperature'),
    'gen_ai.request.top_p': number('top_p'),
    'gen_ai.request.top_k': number('top_k'),
    'gen_ai.request.frequency_penalty': number('frequency_penalty'),
    'gen_ai.request.presence_penalty': number('presence_penalty'),
    'gen_ai.request.seed': number('seed'),
    'gen_ai.request.choice.count': choices === 1 ? undefined : choices,
    'server.address': call.server?.address,
    'server.port': call.server?.port,
    'llmq.message.id': call.messageId,
    'llmq.lane': call.lane,
    'llmq.endpoint': call.endpoint,
    'llmq.model': call.model,
    'llmq.attempt': call.attempt,
    'llmq.delivery': call.delivery,
    'llmq.call': call.call,
    'llmq.queue_ms': call.queueMs,
    'llmq.since_received_ms': call.sinceReceivedMs,
  };
}

export interface DescribedAnswer {
  readonly model: string;
  readonly finishReason: string | null;
  readonly usage: Usage | null;
  /** From the call to the first piece; null where none came. */
  readonly firstTokenMs: number | null;
}

export function answerAttributes({
  model,
  finishReason,
  usage,
  firstTokenMs,
}: DescribedAnswer): CallAttributes {
  return {
    'gen_ai.response.model': model,
    'gen_ai.response.finish_reasons': finishReason === null ? undefined : [finishReason],
    'gen_ai.response.time_to_first_chunk': firstTokenMs === null ? undefined : firstTokenMs / 1_000,
    'gen_ai.usage.input_tokens': usage?.prompt_tokens,
    'gen_ai.usage.output_tokens': usage?.completion_tokens,
    'gen_ai.usage.cache_read.input_tokens': detail(usage, 'prompt_tokens_details', 'cached_tokens'),
    'gen_ai.usage.reasoning.output_tokens': detail(usage, 'completion_tokens_details', 'reasoning_tokens'),
  };
}

/** The stable name of a failure; what it says in words may hold content. */
export function failureCode(failure: CallFailure): string {
  return failure.kind === 'endpoint' ? failure.error.code : failure.kind;
}

function operationOf({ kind = 'chat' }: ModelRequest): string {
  return OPERATIONS[kind];
}

function detail(usage: Usage | null, of: string, name: string): number | undefined {
  return numberIn(usage?.[of], name);
}

function numberIn(value: unknown, name: string): number | undefined {
  const found = (value as Record<string, unknown> | null | undefined)?.[name];
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}
