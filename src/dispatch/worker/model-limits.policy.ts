import type { ModelLimits } from '../../domain/conversation/context-budget.policy.js';
import type { ModelOffer } from '../endpoints/endpoint.state.js';

/** A deployment, as far as a history has to fit it. */
export function limitsOf(
  model: string,
  { contextTokens, maxOutputTokens, capabilities }: ModelOffer,
): ModelLimits {
  const takes = {
    reasoning: capabilities.includes('reasoning_input'),
    systemAnywhere: capabilities.includes('system_anywhere'),
  };
  return { model, contextTokens, maxOutputTokens, takes };
}
