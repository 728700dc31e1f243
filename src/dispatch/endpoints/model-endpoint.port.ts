import type { AttemptError, MessageEventData, ModelRequest } from '../../domain/message/message.events.js';

type Completed = MessageEventData['llmq.message.completed.v1'];

export interface ModelCall {
  readonly messageId: string;
  readonly request: ModelRequest;
  /** The model to ask for; the endpoint serves it. */
  readonly model: string;
  readonly timeoutMs: number;
  /** Aborting frees the endpoint's place at once; the call then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  readonly traceparent?: string;
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
  /** From the call to the first delta; null where no delta came. */
  readonly firstTokenMs: number | null;
}

/**
 * One OpenAI-compatible base URL. Retries, choice and accounting are not its business: a call is one attempt.
 */
export interface ModelEndpoint {
  readonly name: string;
  readonly models: readonly string[];
  readonly maxConcurrency: number;
  /**
   * @throws {ModelCallError} when the endpoint refused, failed, broke off or was too slow
   * @throws the signal's reason when aborted
   */
  call(call: ModelCall): Promise<ModelAnswer>;
  close(): Promise<void>;
}

/** A call that failed, in terms that a verdict can be made of. */
export class ModelCallError extends Error {
  constructor(
    readonly error: AttemptError,
    /** What the endpoint asked for by `Retry-After`, in milliseconds. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(error.message);
  }
}
