import { isUuid } from '../uuid.policy.js';

/** A response of OpenAI's API is a message: its id tells which. */
const PREFIX = 'resp_';

export function responseId(messageId: string): string {
  return PREFIX + messageId;
}

/** The message of a response; null for what is no id of one. */
export function messageOfResponse(id: string): string | null {
  const uuid = id.startsWith(PREFIX) ? id.slice(PREFIX.length) : '';
  return isUuid(uuid) ? uuid.toLowerCase() : null;
}

export interface EndedResponse {
  readonly status: 'completed' | 'incomplete';
  /** Why it is not whole, in OpenAI's words. */
  readonly incomplete: string | null;
}

/** An answer that stopped before its end is incomplete, whatever it holds. */
export function endedAs(finishReason: string | null): EndedResponse {
  if (finishReason === 'length') return { status: 'incomplete', incomplete: 'max_output_tokens' };
  if (finishReason === 'content_filter') return { status: 'incomplete', incomplete: 'content_filter' };
  return { status: 'completed', incomplete: null };
}
