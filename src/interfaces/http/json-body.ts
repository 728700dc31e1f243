import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { markChangedParts } from '../../platform/json/exact-numbers.js';
import { mayBeChanged } from '../../platform/json/exact-numbers.policy.js';
import { exceededBound, type JsonBounds } from '../../platform/json/json-nesting.policy.js';
import { fieldAt } from '../../submission/kept-as-sent.js';
import { invalidFields, type RefusedError, refused, refusedField } from '../../submission/refusal.js';
import { pathOf } from './address.js';
import { decodeBody } from './content-encoding.js';

/** Deeper than anything that any field may hold. */
const MAX_LEVELS = 128;
/** Lists of tokens are long. */
const MAX_ENTRIES = 400_000;
/** Each of them costs many times as much as a number in it. */
const MAX_CONTAINERS = 50_000;
/** No number that anything computes with has so many. */
const MAX_DIGITS = 10_000;
const BOUNDS = {
  ...{ levels: MAX_LEVELS, entries: MAX_ENTRIES },
  ...{ containers: MAX_CONTAINERS, digits: MAX_DIGITS },
};
/** Too short for its structure to cost anything. */
const SHORT_BYTES = 16 * 1024;

/** It holds up to a thousand bodies of messages. */
const BATCH_ROUTE = '/api/v1/messages/batch';
const FIELDS_OF_BATCH = 10;

const DIGEST = Symbol('digest');
type Digested = FastifyRequest & { [DIGEST]?: string };

/** The SHA-256 of the body's bytes, for requests to addresses under `digestUnder`; null for others. */
export function bodyDigestOf(request: FastifyRequest): string | null {
  return (request as Digested)[DIGEST] ?? null;
}

/**
 * JSON in UTF-8 is the only kind of body, compressed or not. A browser sends forms and plain text across origins without
 * a preflight, so to take those would let any web page submit to a service on loopback; JSON needs a preflight, which is
 * never granted.
 *
 * Bytes that are not UTF-8 are refused: decoding would put replacement characters where the client had something else.
 * So is JSON with so much structure that parsing and checking it would hold up all other requests. What JavaScript does
 * not keep as it is written (numbers, the name `__proto__`) is noted on the parsed value, for those who know its fields.
 *
 * @param maxFields of objects in a body
 */
export function acceptJsonOnly(fastify: FastifyInstance, maxFields: number, digestUnder = '/v1/'): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Many clients name the type with every request, also with those that have no body.
    if (body.length === 0) return done(null, undefined);
    const { bodyLimit } = request.routeOptions;
    decodeBody(request.headers['content-encoding'], body, bodyLimit, (error, json) => {
      if (error !== null) return done(error);
      const path = pathOf(request.url);
      // Of the bytes, which are gone behind this: a tenth of the time that it takes of the parsed value.
      if (path.startsWith(digestUnder)) (request as Digested)[DIGEST] = sha256(json);
      const fields = path === BATCH_ROUTE ? FIELDS_OF_BATCH * maxFields : maxFields;
      const read = readJson(json, fields);
      if ('refusal' in read) done(read.refusal);
      else done(null, read.value);
    });
  });
}

function sha256(bytes: Buffer): string {
  return hash('sha256', bytes, 'base64url');
}

/**
 * The value of JSON that a client sent, or why it is not taken.
 *
 * @param fields that its objects may have together
 * @param whole what it is to the client
 */
export function readJson(
  json: Buffer,
  fields: number,
  whole: 'body' | 'frame' | 'line' = 'body',
): { readonly value: unknown } | { readonly refusal: RefusedError } {
  const bounds = { ...BOUNDS, fields };
  if (!isUtf8(json)) return { refusal: refused('invalid_json', `The ${whole} is not UTF-8.`) };
  const exceeded = json.length > SHORT_BYTES ? exceededBound(json, bounds) : null;
  if (exceeded !== null) return { refusal: tooMuch(exceeded, bounds, whole) };
  const text = json.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return {
      refusal: refused('invalid_json', `The ${whole} is not valid JSON: ${(error as Error).message}`),
    };
  }
  const beyond = mayBeChanged(json, text) ? markChangedParts(value, text) : null;
  if (beyond === null) return { value };
  const reason = 'is one of too many numbers with more digits, or larger exponents, than are kept here';
  return { refusal: invalidFields([{ field: fieldAt(beyond), reason }]) };
}

const COUNTED = {
  entries: 'values',
  fields: 'fields',
  containers: 'lists and objects',
  digits: 'digits in a number',
} as const;

function tooMuch(exceeded: keyof JsonBounds, bounds: Required<JsonBounds>, whole: string): RefusedError {
  if (exceeded === 'levels') {
    return refused('invalid_json', `The ${whole} nests deeper than ${bounds.levels} levels.`);
  }
  const reason = `has more ${COUNTED[exceeded]} than the ${bounds[exceeded]} that are accepted`;
  return refusedField('content_too_large', whole, reason);
}
