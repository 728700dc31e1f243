import type { CallKind } from '../domain/message/message.events.js';
import { refusedField } from './refusal.js';
import type { Submission } from './submission.js';

/**
 * A submission is one record of the log, which must fit into one message of the broker (8 MiB as the service sets it
 * up) with room to spare. Only text that JSON must escape comes near: a control character is one byte of content and six of JSON.
 */
const MAX_REQUEST_JSON_BYTES = 7 * 1024 * 1024;
const JSON_BYTES_PER_UNIT = 6;
/** `{"content":"","model":"","parameters":{}}`, with room to spare. */
const EMPTY_REQUEST_LENGTH = 64;

/** Where most of a request is, by its kind. */
const FIELDS: Readonly<Record<CallKind, string>> = {
  chat: 'messages',
  completion: 'prompt',
  embeddings: 'input',
};

/** @throws {RefusedError} `content_too_large`, for more than `maxContentBytes` of content, or more than a record holds */
export function refuseTooLarge({ request }: Submission, maxContentBytes: number): void {
  const { content, model, parameters, kind = 'chat' } = request;
  const limit = Math.min(maxContentBytes, MAX_REQUEST_JSON_BYTES);
  if (content === undefined) {
    // Chats and their tools are counted as JSON, since their text is spread over it.
    refuseTooLong(FIELDS[kind], JSON.stringify(request), limit, ' as JSON');
    return;
  }
  // Most messages are so short that they need not be put into JSON to know.
  const most = JSON_BYTES_PER_UNIT * (content.length + (model?.length ?? 0)) + EMPTY_REQUEST_LENGTH;
  if (most <= limit && isEmpty(parameters)) return;
  refuseLong(content, parameters, maxContentBytes);
}

function refuseLong(content: string, parameters: Record<string, unknown>, limit: number): void {
  const parametersJson = JSON.stringify(parameters);
  refuseTooLong('content', content, limit);
  refuseTooLong('parameters', parametersJson, limit, ' as JSON');
  if ((content.length + parametersJson.length) * JSON_BYTES_PER_UNIT > MAX_REQUEST_JSON_BYTES) {
    refuseTooLong('content', JSON.stringify(content) + parametersJson, MAX_REQUEST_JSON_BYTES, ' as JSON');
  }
}

function isEmpty(record: Record<string, unknown>): boolean {
  for (const _ in record) return false;
  return true;
}

/** Three bytes of UTF-8 for each UTF-16 unit is the most there can be: what is short need not be counted. */
function refuseTooLong(field: string, text: string, limit: number, how = ''): void {
  if (text.length * 3 <= limit) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= limit) return;
  const reason = `has ${bytes} bytes${how}, and at most ${limit} are accepted`;
  throw refusedField('content_too_large', field, reason);
}
