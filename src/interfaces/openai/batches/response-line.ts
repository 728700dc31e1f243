import type { Caller } from '../../../domain/caller.js';
import type { MessageCompleted, MessageReceived } from '../../../domain/message/message.events.js';
import { type FieldProblem, invalidFields } from '../../../submission/refusal.js';
import type { AcceptedMessage, Submission } from '../../../submission/submission.js';
import { isObject } from '../../../submission/submission-rules.policy.js';
import { isReference } from '../../responses/chat-of-items.policy.js';
import { ResponseForm } from '../../responses/response-form.js';
import { responsesRequestOf } from '../../responses/responses-request.js';
import type { OpenAiSettings } from '../queue-fields.js';

type Body = Readonly<Record<string, unknown>>;

const GOES_ON = "must be absent: a line can't continue an earlier response or conversation";

/** What a response of its own may ask for, and a line may not. */
const UNWANTED: readonly (readonly [field: string, isThere: (body: Body) => boolean, reason: string])[] = [
  ['stream', ({ stream }) => stream === true, 'must be false or absent'],
  ['background', ({ background }) => background === true, 'must be false or absent: nobody waits for a line'],
  [
    'store',
    ({ store }) => store === false,
    'must be true or absent: the results of a batch are made from stored answers. Delete the responses after the batch',
  ],
  ['previous_response_id', ({ previous_response_id: previous }) => previous != null, GOES_ON],
  ['conversation', ({ conversation }) => conversation != null, GOES_ON],
  [
    'input',
    ({ input }) => Array.isArray(input) && input.some(isReference),
    'must contain the items themselves, not references to stored items',
  ],
];

/** @throws {RefusedError} `invalid_fields`, with all that is wrong */
export function responseOfLine(body: unknown, caller: Caller, settings: OpenAiSettings): Submission {
  const problems = isObject(body) ? problemsOf(body) : [];
  if (problems.length > 0) throw invalidFields(problems);
  return responsesRequestOf(body, {}, caller, settings).submission;
}

function problemsOf(body: Body): FieldProblem[] {
  return UNWANTED.flatMap(([field, isThere, reason]) => (isThere(body) ? [{ field, reason }] : []));
}

/** OpenAI's `response`, of the request as the log has it. */
export function responseOf(
  { data: { request, metadata } }: MessageReceived,
  accepted: AcceptedMessage,
  end: MessageCompleted,
): Record<string, unknown> {
  return new ResponseForm({ request, metadata, conversationId: null }).whole(accepted, end);
}
