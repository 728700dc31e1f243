import type { ModelRequest } from '../../../../domain/message/message.events.js';
import { requestBody } from '../chat-request.policy.js';
import { responsesAsked } from './responses-body.policy.js';

/** What of a request Responses have no words for, by its path in the chat. Only chats are asked by them. */
export function lackedByResponses(request: ModelRequest): readonly string[] {
  const { kind = 'chat' } = request;
  if (kind !== 'chat') return [];
  // Nothing of its model, or of how the answer is to come, is among what they lack.
  return responsesAsked({ body: requestBody(request, '', { stream: false, usage: false }) }).problems;
}
