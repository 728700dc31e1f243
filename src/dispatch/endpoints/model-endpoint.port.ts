import type {
  AttemptError,
  MessageEventData,
  ModelRequest,
  NotNowReason,
} from '../../domain/message/message.events.js';
import type { TraceContext } from '../../domain/trace-context.policy.js';
import type { CheckResult } from './health/health.state.js';

type Completed = MessageEventData['llmq.message.completed.v1'];

export interface ModelCall extends TraceContext {
  readonly messageId: string;
  readonly request: ModelRequest;
  /** The model to ask for, by the endpoint's own name of it. */
  readonly model: string;
  readonly timeoutMs: number;
  /** Aborting frees the endpoint's place at once; the call then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Text of the answer that is there already: the endpoint is asked to go on behind it. */
  readonly prefill?: string;
  /** Each piece of the answer as the endpoint sent it: an OpenAI `choices[0].delta` object. */
  readonly onDelta: (delta: Record<string, unknown>) => void;
}

/** The whole answer, assembled from the deltas. */
export interface ModelAnswer {
  readonly answer: Completed['answer'];
  readonly finishReason: string | null;
  /** The model that the endpoint says it used. */
  readonly model: string;
  readonly usage: Completed['usage'];
  /** What else the endpoint said of its answer, by OpenAI's names: `system_fingerprint`, `citations`, ... */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** From the call to the first delta; null where no delta came. */
  readonly firstTokenMs: number | null;
}

export interface ServerPlace {
  /** By OpenTelemetry's names of providers. */
  readonly provider: string;
  readonly address: string;
  readonly port: number;
}

/**
 * One OpenAI-compatible base URL. Retries, choice and accounting are not its business: a call is one attempt.
 */
export interface ModelEndpoint {
  readonly name: string;
  readonly models: readonly string[];
  readonly maxConcurrency: number;
  /** Where it is, for those who look on; absent where it is nowhere. */
  readonly server?: ServerPlace;
  /**
   * What of a request its API has no words for, by its path in the request: such a call is refused without being made.
   * Absent where it has words for whatever is asked.
   */
  readonly lacks?: (request: ModelRequest) => readonly string[];
  /**
   * @throws {ModelCallError} when the endpoint refused, failed, broke off or was too slow
   * @throws the signal's reason when aborted
   */
  call(call: ModelCall): Promise<ModelAnswer>;
  /** Whether its server is well, by what costs nothing; never by a call of a model. Absent where nobody can be asked. */
  check?(signal: AbortSignal): Promise<CheckResult>;
  close(): Promise<void>;
}

/** An error in the endpoint's own words, as OpenAI's clients know them. */
export interface RemoteError {
  /** HTTP status, of the answer or told inside of it; null where there was none. */
  readonly status: number | null;
  readonly code: string | null;
  readonly type: string | null;
  readonly param: string | null;
  readonly message: string;
}

export interface CallFailureDetails {
  /** What the endpoint asked for by `Retry-After`, in milliseconds. */
  readonly retryAfterMs?: number | null;
  /** Null where the call was taken and failed, or was refused for good. */
  readonly notNow?: NotNowReason | null;
  /** The endpoint took the call and fell silent. */
  readonly stalled?: boolean;
  /** It was never sent, so that it says nothing about the endpoint. */
  readonly unsent?: boolean;
  readonly remote?: RemoteError | null;
}

/** A call that failed, in terms that a verdict can be made of. */
export class ModelCallError extends Error {
  readonly retryAfterMs: number | null;
  readonly notNow: NotNowReason | null;
  readonly stalled: boolean;
  readonly unsent: boolean;
  readonly remote: RemoteError | null;

  constructor(
    readonly error: AttemptError,
    details: CallFailureDetails = {},
  ) {
    super(error.message);
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.notNow = details.notNow ?? null;
    this.stalled = details.stalled ?? false;
    this.unsent = details.unsent ?? false;
    this.remote = details.remote ?? null;
  }
}
