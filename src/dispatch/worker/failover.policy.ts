import type { AttemptError, ModelRequest, RerouteMode } from '../../domain/message/message.events.js';
import type { ModelOffer } from '../endpoints/endpoint.state.js';
import type { CallFailure } from './verdict.policy.js';

/**
 * What a failed call means for the next one.
 * - `not_now`: the endpoint did not take it; another may, and later this one too.
 * - `failed`: the endpoint took it and failed; another may not.
 * - `context_window`: the request is too long for the model.
 * - `content_policy`: the provider refuses the content.
 * - `rejected`: the request is refused for good, by this model.
 * - `over`: nothing that is called now could be answered in time, or kept.
 */
export type FailureKind = 'not_now' | 'failed' | 'context_window' | 'content_policy' | 'rejected' | 'over';

/** A call of an attempt that brought no answer. */
export interface FailedCall {
  readonly endpoint: string;
  /** What clients call it, not the endpoint's own name. */
  readonly model: string;
  readonly kind: FailureKind;
  readonly failure: CallFailure;
  readonly error: AttemptError;
}

/** The models that can take a model's place, the first that can serve first. */
export interface FallbackLists {
  readonly general: readonly string[];
  readonly contextWindow: readonly string[];
  readonly contentPolicy: readonly string[];
}

const CONTEXT_WINDOW: ReadonlySet<string> = new Set([
  ...['context_length_exceeded', 'context_window_exceeded', 'string_above_max_length'],
]);
const CONTENT_POLICY: ReadonlySet<string> = new Set([
  ...['content_policy_violation', 'content_filter', 'content_policy', 'moderation_blocked'],
]);
/** Many servers tell it in words alone (vLLM, llama.cpp, Ollama, Anthropic's gateways). */
const TOO_LONG =
  /maximum context length|context (length|window|size).{0,40}exceed|exceed.{0,40}context (length|window|size)|prompt is too long/i;

/** @param begun the call gave pieces of an answer before it failed */
export function kindOf(failure: CallFailure, begun: boolean): FailureKind {
  if (failure.kind !== 'endpoint') return failure.kind === 'overdue' ? 'over' : 'rejected';
  const { error, notNow } = failure;
  if (error.code === 'call_timeout') return 'over';
  const codes = [error.code, error.remote?.code ?? ''];
  if (codes.some((code) => CONTEXT_WINDOW.has(code))) return 'context_window';
  if (codes.some((code) => CONTENT_POLICY.has(code))) return 'content_policy';
  const isRefusal = error.status === 400 || error.status === 413 || error.status === 422;
  if (isRefusal && TOO_LONG.test(error.message)) return 'context_window';
  if (notNow !== null) return begun ? 'failed' : 'not_now';
  // That our key is refused says nothing about the request: another endpoint has another key.
  if (error.status === 401 || error.status === 403) return 'failed';
  return error.retryable ? 'failed' : 'rejected';
}

/**
 * The models that the attempt may go on with after these calls, in order: the one that was called last, where another
 * endpoint of it may do better, and then those that stand in for it. What refused the request is not asked again.
 *
 * @param wanted the model that the message asks for
 */
export function modelsToTry(wanted: string, lists: FallbackLists, calls: readonly FailedCall[]): string[] {
  const last = calls.at(-1);
  if (last === undefined || last.kind === 'over') return [];
  const refusedBy = new Set(calls.filter(isRefusal).map(({ model }) => model));
  // A stand-in that refuses says nothing about the others; the wanted model has the last word.
  if (calls.some(({ kind, model }) => kind === 'rejected' && model === wanted)) return [];
  const again = refusedBy.has(last.model) ? [] : [last.model];
  const models = new Set([...again, ...listFor(lists, calls)]);
  return [...models].filter((model) => !refusedBy.has(model));
}

function listFor(lists: FallbackLists, calls: readonly FailedCall[]): readonly string[] {
  const special = calls.find(({ kind }) => kind === 'context_window' || kind === 'content_policy');
  if (special === undefined) return lists.general;
  return special.kind === 'context_window' ? lists.contextWindow : lists.contentPolicy;
}

function isRefusal({ kind }: FailedCall): boolean {
  return kind === 'context_window' || kind === 'content_policy' || kind === 'rejected';
}

/** The endpoints that were called in vain for one model, or for any. */
export function triedEndpoints(calls: readonly FailedCall[], model: string | null = null): Set<string> {
  const tried = model === null ? calls : calls.filter((call) => call.model === model);
  return new Set(tried.map(({ endpoint }) => endpoint));
}

/**
 * - `deferred`: no call was taken, so there was no attempt: the message waits. Told is the call that says why.
 * - `failed`: the attempt has failed.
 */
export type Conclusion =
  | { readonly kind: 'deferred'; readonly call: FailedCall }
  | { readonly kind: 'failed'; readonly failure: CallFailure };

/**
 * What an attempt comes to whose calls all failed. Of several failures the first is the message's: what stood in for the
 * wanted model may fail for reasons of its own, which are not the client's. Whether another attempt can help, all of
 * them say.
 */
export function conclusionOf(wanted: string, calls: readonly FailedCall[]): Conclusion {
  const first = calls[0]!;
  const waits = calls.find(({ kind }) => kind === 'not_now');
  const wasTaken = calls.some(({ kind }) => kind === 'failed' || kind === 'over');
  const isFinal = calls.some(({ kind, model }) => kind === 'rejected' && model === wanted);
  if (waits !== undefined && !wasTaken && !isFinal) return { kind: 'deferred', call: waits };
  const { failure } = first;
  if (failure.kind !== 'endpoint') return { kind: 'failed', failure };
  const retryable = !isFinal && calls.some(({ error }) => error.retryable);
  return { kind: 'failed', failure: { ...failure, error: { ...failure.error, retryable } } };
}

export interface Onward {
  /** Listeners have a part of the answer. */
  readonly begun: boolean;
  /** The text that another endpoint can go on behind; empty where it can't. */
  readonly prefill: string;
  readonly failover: 'continue' | 'restart' | 'fail';
  readonly request: ModelRequest;
  readonly isOtherModel: boolean;
  readonly offer: ModelOffer;
}

/** How the call goes on at this deployment. */
export function modeOf({ begun, prefill, failover, request, isOtherModel, offer }: Onward): RerouteMode {
  if (!begun) return isOtherModel ? 'fallback' : 'again';
  const canContinue = prefill !== '' && offer.capabilities.includes('prefill') && isContinuable(request);
  return failover === 'continue' && canContinue ? 'continue' : 'restart';
}

/**
 * Only prose can be gone on with. A grammar that holds the answer to a form begins at its beginning, several answers
 * have several ends, and probabilities would be those of the second half.
 */
function isContinuable({ kind = 'chat', parameters }: ModelRequest): boolean {
  if (kind !== 'chat') return false;
  const { n, logprobs, response_format: format, tool_choice: choice } = parameters;
  const isPlain = format === undefined || format === null || (format as { type?: unknown }).type === 'text';
  const isForced = choice !== undefined && choice !== null && choice !== 'auto' && choice !== 'none';
  const isGuided = Object.keys(parameters).some((name) => name.startsWith('guided_') || name === 'grammar');
  return isPlain && !isForced && !isGuided && (n ?? 1) === 1 && (logprobs ?? false) === false;
}

/** An endpoint that was asked to go on behind a text, and refuses that: it may still answer from the beginning. */
export function refusesPrefill(failure: CallFailure, begun: boolean): boolean {
  if (begun || failure.kind !== 'endpoint' || failure.notNow !== null) return false;
  const { status } = failure.error;
  return status !== null && status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
}
