import type { ModelRequest } from '../message/message.events.js';
import type { Takes } from './chat-blocks.policy.js';

/** A deployment, as far as a history has to fit it. */
export interface ModelLimits {
  /** By the name that clients ask for. */
  readonly model: string;
  /** The longest request with its answer, in tokens; null where it is not known. */
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  readonly takes: Takes;
}

/** Of the context, for an answer of which nobody says how long it may be. */
const ANSWER_SHARE = 1 / 4;
/** An answer that may be as long as the context is not given all of it. */
const MOST_FOR_AN_ANSWER = 1 / 2;
/** Of the context, since models count otherwise than the service does. */
const MARGIN = 1 / 20;

/**
 * Most tokens that a deployment is sent: its context less the room for the answer. That is what the request asks for,
 * since servers refuse a request that does not fit together with it.
 *
 * @param ratio how many tokens the model counts where the service counts one
 */
export function budgetOf(
  { contextTokens, maxOutputTokens }: ModelLimits,
  { parameters }: Pick<ModelRequest, 'parameters'>,
  maxContextTokens: number,
  ratio = 1,
): number {
  if (contextTokens === null) return maxContextTokens;
  const asked = asCount(parameters['max_completion_tokens']) ?? asCount(parameters['max_tokens']);
  const room =
    asked ?? Math.min(maxOutputTokens ?? contextTokens * ANSWER_SHARE, contextTokens * MOST_FOR_AN_ANSWER);
  return Math.max(1, Math.floor((contextTokens * (1 - MARGIN) - room) / ratio));
}

function asCount(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value : null;
}
