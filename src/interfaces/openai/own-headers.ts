import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { invalidFields } from '../../submission/refusal.js';

/**
 * The headers that are for this queue. Node reads headers as Latin-1, and clients write UTF-8, so that a name in a
 * header is the same as in a body.
 *
 * @throws {RefusedError} `invalid_fields`, for bytes that are not UTF-8
 */
export function ownHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const own: IncomingHttpHeaders = {};
  for (const name in headers) {
    const value = headers[name];
    if (name.startsWith('x-llmq-') && typeof value === 'string') own[name] = textOf(name, value);
  }
  return own;
}

const BEYOND_ASCII = /[\x80-\xff]/;

function textOf(name: string, value: string): string {
  if (!BEYOND_ASCII.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  if (!isUtf8(bytes)) throw invalidFields([{ field: name, reason: 'must be UTF-8' }]);
  return bytes.toString('utf8');
}
