import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { markExactNumbers } from '../../platform/json/exact-numbers.js';
import { hasLongInteger } from '../../platform/json/exact-numbers.policy.js';
import { nestsDeeper } from '../../platform/json/json-nesting.policy.js';
import { RefusedError, refused } from '../../submission/refusal.js';

/** Deeper than anything that any field may hold. */
const MAX_LEVELS = 128;
/** Too short for its nesting to cost anything. */
const SHORT_BYTES = 16 * 1024;

const DIGEST = Symbol('digest');
type Digested = FastifyRequest & { [DIGEST]?: string };

/** The SHA-256 of the body's bytes, for requests to addresses under `digestUnder`; null for others. */
export function bodyDigestOf(request: FastifyRequest): string | null {
  return (request as Digested)[DIGEST] ?? null;
}

type Done = (error: Error | null, body?: unknown) => void;

/**
 * JSON in UTF-8 is the only kind of body. A browser sends forms and plain text across origins without a preflight, so to
 * take those would let any web page submit to a service on loopback; JSON needs a preflight, which is never granted.
 *
 * Bytes that are not UTF-8 are refused: decoding would put replacement characters where the client had something else.
 * So is JSON that nests very deeply: `JSON.parse` needs seconds for a few megabytes of brackets, and no other request is
 * served meanwhile. Integers beyond 2^53 are rounded as everywhere in JavaScript, and noted as they were. The keys `__proto__` and `constructor.prototype` are refused by Fastify's parser.
 */
export function acceptJsonOnly(fastify: FastifyInstance, digestUnder = '/v1/'): void {
  const parse = fastify.getDefaultJsonParser('error', 'error') as unknown as (
    request: FastifyRequest,
    body: string,
    done: Done,
  ) => void;
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request, body: Buffer, done: Done) => {
      // Many clients name the type with every request, also with those that have no body.
      if (body.length === 0) return done(null, undefined);
      if (!isUtf8(body)) return done(refused('invalid_json', 'The body is not UTF-8.'));
      if (body.length > SHORT_BYTES && nestsDeeper(body, MAX_LEVELS)) {
        return done(refused('invalid_json', `The body nests deeper than ${MAX_LEVELS} levels.`));
      }
      // Of the bytes, which are gone behind this: a tenth of the time that it takes of the parsed value.
      if (request.url.startsWith(digestUnder)) (request as Digested)[DIGEST] = sha256(body);
      const text = body.toString('utf8');
      parse(request, text, (error, value) => {
        if (error === null && hasLongInteger(body)) markExactNumbers(value, text);
        done(error === null ? null : notJson(body), value);
      });
    },
  );
}

function sha256(bytes: Buffer): string {
  return hash('sha256', bytes, 'base64url');
}

/** Fastify's parser says no more than that it failed: the body is either not JSON, or JSON with a key that it refuses. */
function notJson(body: Buffer): RefusedError {
  try {
    JSON.parse(body.toString('utf8'));
    return refused('invalid_json', 'The body has a key __proto__ or constructor.prototype.');
  } catch (error) {
    return refused('invalid_json', `The body is not valid JSON: ${(error as Error).message}`);
  }
}
