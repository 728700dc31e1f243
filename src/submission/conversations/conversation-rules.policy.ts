import { CONVERSATION_STATES, DOUBLE_TEXTING } from '../../domain/conversation/conversation.events.js';
import type { Rule } from '../submission-rules.policy.js';

export const MAX_TITLE_LENGTH = 512;

const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

function oneOf(values: readonly string[]): Rule {
  return (value) =>
    (values as readonly unknown[]).includes(value) ? null : `must be one of ${values.join(', ')}`;
}

export const conversationState = oneOf(CONVERSATION_STATES);
export const doubleTexting = oneOf(DOUBLE_TEXTING);
export const pageOrder = oneOf(['newest_first', 'oldest_first']);

export const title: Rule = (value) => {
  if (typeof value !== 'string') return 'must be a string';
  if (value.length > MAX_TITLE_LENGTH) return `must have at most ${MAX_TITLE_LENGTH} characters`;
  return UNPRINTABLE.test(value) ? 'must not contain control characters, NUL or lone surrogates' : null;
};

/** Any text: it goes to the model as it is. Its size is checked apart, as that of content. */
export const systemPrompt: Rule = (value) => (typeof value === 'string' ? null : 'must be a string');
