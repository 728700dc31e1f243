import { MAX_REQUEST_JSON_BYTES } from '../domain/message/large-parts.policy.js';
import type { CallKind, ModelRequest } from '../domain/message/message.events.js';
import { refusedField } from './refusal.js';
import type { Submission } from './submission.js';

/** A control character is one byte of content and six of JSON. */
const JSON_BYTES_PER_UNIT = 6;
/** `{"content":"","model":"","parameters":{}}`, with room to spare. */
const EMPTY_REQUEST_LENGTH = 64;

/** Where most of a request is, by its kind. */
const FIELDS: Readonly<Record<CallKind, string>> = {
  chat: 'messages',
  completion: 'prompt',
  embeddings: 'input',
};

/**
 * How long the request is, in UTF-16 units.
 * @throws {RefusedError} `content_too_large`, for more than `maxContentBytes` of content
 */
export function refuseTooLarge({ request }: Submission, maxContentBytes: number): number {
  const { content, parameters, kind = 'chat' } = request;
  if (content === undefined) {
    // Chats and their tools are counted as JSON, since their text is spread over it.
    return refuseTooLong(FIELDS[kind], JSON.stringify(request), maxContentBytes, ' as JSON');
  }
  const units = refuseTooLong('content', content, maxContentBytes);
  if (isEmpty(parameters)) return units;
  return units + refuseTooLong('parameters', JSON.stringify(parameters), maxContentBytes, ' as JSON');
}

/**
 * For what goes into the log, without the parts that go elsewhere.
 * @param units its length at most
 * @throws {RefusedError} `content_too_large`, for more than a record of the log holds
 */
export function refuseTooLargeForLog(request: ModelRequest, units: number): void {
  // Most messages are so short that they need not be put into JSON to know.
  const { content, model, kind = 'chat' } = request;
  const most = JSON_BYTES_PER_UNIT * (units + (model?.length ?? 0)) + EMPTY_REQUEST_LENGTH;
  if (most <= MAX_REQUEST_JSON_BYTES) return;
  const field = content === undefined ? FIELDS[kind] : 'content';
  refuseTooLong(field, JSON.stringify(request), MAX_REQUEST_JSON_BYTES, ' as JSON');
}

function isEmpty(record: Record<string, unknown>): boolean {
  for (const _ in record) return false;
  return true;
}

/** Three bytes of UTF-8 for each UTF-16 unit is the most there can be: what is short need not be counted. */
function refuseTooLong(field: string, text: string, limit: number, how = ''): number {
  if (text.length * 3 <= limit) return text.length;
  const bytes = Buffer.byteLength(text);
  if (bytes <= limit) return text.length;
  const reason = `has ${bytes} bytes${how}, and at most ${limit} are accepted`;
  throw refusedField('content_too_large', field, reason);
}
