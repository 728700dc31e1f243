import { askedAlone } from '../../domain/conversation/asked-alone.policy.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { isQueueField } from '../../domain/message/queue-fields.policy.js';

/** A past message, as the service's API returns it. */
export interface PastMessage {
  readonly id: string;
  readonly userId: string;
  readonly request: ModelRequest;
  readonly metadata: Record<string, unknown>;
  readonly priority: Lane;
  readonly maxRetries: number;
  readonly timeoutMs: number;
}

/** How a message ended: what two runs are compared by. */
export interface Outcome {
  readonly status: string;
  readonly model: string | null;
  /** Of the answer's text, in characters; null without an answer. */
  readonly length: number | null;
  readonly finishReason: string | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** From reception to its last call, and what that call took, in milliseconds; null without an answer. */
  readonly waitedMs: number | null;
  readonly callMs: number | null;
  readonly error: string | null;
}

export interface ReplayChanges {
  readonly model?: string;
  readonly priority?: Lane;
}

/**
 * The submission that repeats a message. It is no turn of the old conversation, which it would change.
 */
export function replayBody(past: PastMessage, changes: ReplayChanges): Record<string, unknown> {
  return { ...askedAgain(past, changes), replay_of: past.id };
}

/** The same without the link to the old one. */
export function askedAgain(past: PastMessage, { model, priority }: ReplayChanges): Record<string, unknown> {
  return {
    user_id: past.userId,
    ...askedBy(past.request),
    model: model ?? past.request.model,
    metadata: past.metadata,
    priority: priority ?? past.priority,
    max_retries: past.maxRetries,
    timeout_ms: Math.max(1, Math.round(past.timeoutMs)),
  };
}

/**
 * Completions and embeddings keep what they are about among their parameters. Fields of the queue that an older version
 * took in among them reached no model, and are refused by now.
 */
function askedBy(request: ModelRequest): Record<string, unknown> {
  const { kind, content, parameters: kept } = request;
  const parameters = Object.fromEntries(
    Object.entries(kept).filter(([name, value]) => !isQueueField(name, value)),
  );
  const { prompt, input, ...rest } = parameters;
  if (kind === 'completion')
    return { prompt, parameters: { ...rest, ...(input === undefined ? {} : { input }) } };
  if (kind === 'embeddings')
    return { input, parameters: { ...rest, ...(prompt === undefined ? {} : { prompt }) } };
  // Instructions of their own are none of a message's fields: they go where the model was sent them.
  const { messages } = askedAlone(request, () => ({ reasoning: true, systemAnywhere: true }));
  return { ...(messages === undefined ? { content } : { messages }), parameters };
}

/** The price of a million tokens, in any currency. */
export interface Price {
  readonly prompt: number;
  readonly completion: number;
}

/** Null where the tokens or the model's price are not known. */
export function costOf(outcome: Outcome, prices: ReadonlyMap<string, Price>): number | null {
  const price = outcome.model === null ? undefined : prices.get(outcome.model);
  const { promptTokens, completionTokens } = outcome;
  if (price === undefined || promptTokens === null || completionTokens === null) return null;
  return (promptTokens * price.prompt + completionTokens * price.completion) / 1_000_000;
}

/** `user_id=ann`, `metadata.team=blue`. */
export interface ReplayFilter {
  /** What the service's list filters by. */
  readonly query: Readonly<Record<string, string>>;
  /** What is compared here: the message's model, or parts of its metadata, as text. */
  readonly model?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const LISTED = ['user_id', 'conversation_id', 'status', 'priority'];

/** @throws {Error} for what is no filter, in words */
export function replayFilter(pairs: readonly string[]): ReplayFilter {
  const query: Record<string, string> = {};
  const metadata: Record<string, string> = {};
  let model: string | undefined;
  const given = new Set<string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (given.has(key)) throw new Error(`"${pair}" is the second filter by ${key}; a message has one.`);
    given.add(key);
    if (at > 0 && LISTED.includes(key)) query[key] = value;
    else if (key === 'model') model = value;
    else if (key.startsWith('metadata.')) metadata[key.slice('metadata.'.length)] = value;
    else
      throw new Error(
        `"${pair}" is no filter; give ${LISTED.join(', ')}, model or metadata.<key> as key=value.`,
      );
  }
  return { query, metadata, ...(model === undefined ? {} : { model }) };
}

export function isWanted(
  { model, metadata }: ReplayFilter,
  message: { readonly model: string | null; readonly metadata: Record<string, unknown> },
): boolean {
  if (model !== undefined && message.model !== model) return false;
  return Object.entries(metadata).every(([key, value]) => String(message.metadata[key]) === value);
}

/** `model=prompt/completion`, for a million tokens each. @throws {Error} for what is no price, in words */
export function priceOf(text: string): [model: string, price: Price] {
  const found = /^(.+)=(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(text);
  if (found === null)
    throw new Error(`"${text}" is no price; give model=prompt/completion, such as gpt-5-mini=0.25/2.`);
  return [found[1]!, { prompt: Number(found[2]), completion: Number(found[3]) }];
}
