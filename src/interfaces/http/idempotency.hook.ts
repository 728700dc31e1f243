import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { exactNumbersOf } from '../../platform/json/exact-numbers.js';
import { digestOf, fingerprintOf } from '../../submission/idempotency/digest.js';
import type { Execution } from '../../submission/idempotency/execution.js';
import type { Idempotency, KeyedRequest } from '../../submission/idempotency/idempotency.js';
import {
  isIdempotencyKey,
  MAX_KEY_LENGTH,
  type StoredResponse,
} from '../../submission/idempotency/reservation.policy.js';
import { RESULT_ERASED, RefusedError, refused } from '../../submission/refusal.js';
import { callerOf } from '../caller.guard.js';
import { pathOf } from './address.js';
import { lengthOfStreamed } from './streamed-bodies.js';

const EXECUTION = Symbol('execution');
const TOLD_FROM = Symbol('toldFrom');
type Carried = FastifyRequest & { [EXECUTION]?: Execution | null; [TOLD_FROM]?: number | null };

export interface Replaying {
  readonly idempotency: Idempotency;
  readonly ttlMs: number;
  /** The body of a response that is told from this place of the log; null when it was erased. */
  readonly retell: (sequence: number) => Promise<string | null>;
  readonly isErased: (messageId: string) => Promise<boolean>;
}

/** A model's answer may be a stream, and is longer under way than a key may be held: these keep their message instead. */
const KEEP_THEIR_OWN: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
]);
/** Whoever does these twice gets the same. What they tell is content, which is kept in the log alone. */
const REPEATED_ANYHOW = /^\/v1\/(responses\/[^/]+\/cancel|conversations\/[^/]+)$/;
/** These tell content, too: they are carried out again under the same ids, and find what they have made. */
const MADE_AGAIN = /^\/v1\/conversations(\/[^/]+\/items)?$/;
const ROUTES_WITH_A_ROLE = ['/api/v1/admin/', '/api/v1/endpoints'] as const;
const MESSAGES = '/api/v1/messages';
/** Where a response says that a message was made. */
const MESSAGE = /^\/api\/v1\/messages\/([^/]+)$/;
const KEPT_HEADERS = ['content-type', 'location'] as const;

/** How the request that carries a key is being carried out; null for one without a key. */
export function executionOf(request: FastifyRequest): Execution | null {
  return (request as Carried)[EXECUTION] ?? null;
}

/** The response holds content: only its place in the log is kept under the key. */
export function keepPlaceOnly(request: FastifyRequest, sequence: number): void {
  (request as Carried)[TOLD_FROM] = sequence;
}

/**
 * What an `Idempotency-Key` belongs to: the caller's tenant, the method and the path, and this body (with `more` that
 * counts). Null for a request without a key.
 *
 * @throws {RefusedError} `invalid_idempotency_key`
 */
export function keyedRequest(request: FastifyRequest, more: unknown = null): KeyedRequest | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  if (!isIdempotencyKey(header)) throw invalidKey('The header Idempotency-Key');
  if (executionOf(request) !== null) {
    throw new Error('This request is carried out under its key already, and would wait for itself.');
  }
  const path = pathOf(request.url);
  const [, query = ''] = request.url.split('?', 2);
  const { tenant, role } = callerOf(request);
  // A response is repeated before the guard runs. So a key of a caller that the guard refuses is never another role's.
  const route = request.routeOptions.url ?? path;
  const forbidden =
    role !== 'operator' && ROUTES_WITH_A_ROLE.some((beginning) => route.startsWith(beginning));
  // One that passes through is not read yet.
  const body = request.body ?? lengthOfStreamed(request);
  return {
    key: digestOf([tenant, request.method, path, header, ...(forbidden ? [role] : [])]),
    fingerprint: fingerprintOf([query, body, more, ...exactly(request.body)]),
  };
}

/**
 * The same for a message that comes by another protocol: its key is that of `POST /api/v1/messages`, so that a client may
 * repeat over one what it has begun over the other.
 *
 * @param body what the body of that request would be
 * @param named where the key stood
 * @throws {RefusedError} `invalid_idempotency_key`
 */
export function keyedMessage(tenant: string, key: string, body: object, named: string): KeyedRequest {
  if (!isIdempotencyKey(key)) throw invalidKey(named);
  return {
    key: digestOf([tenant, 'POST', MESSAGES, key]),
    fingerprint: fingerprintOf(['', body, null, ...exactly(body)]),
  };
}

/** Requests that differ in what JavaScript rounds are not the same. */
function exactly(body: unknown): unknown[] {
  const exact = typeof body === 'object' && body !== null ? exactNumbersOf(body) : undefined;
  return exact === undefined ? [] : [exact];
}

export function tellIdempotency(reply: FastifyReply, replayed: boolean, ttlMs: number): void {
  reply.header('idempotency-key-ttl', String(Math.floor(ttlMs / 1_000)));
  if (replayed) reply.header('idempotency-replayed', 'true');
}

/**
 * Every POST may carry an `Idempotency-Key`: it is then carried out once, and a repeated request gets the first
 * response as it was. A response of 2xx is kept. A refusal (4xx) has left nothing and frees the key; after a failure
 * (5xx) the same key carries on where it failed.
 */
export function replayKeyedRequests(fastify: FastifyInstance, replaying: Replaying): void {
  fastify.decorateRequest(EXECUTION as unknown as string, null);
  fastify.decorateRequest(TOLD_FROM as unknown as string, null);
  fastify.addHook('preHandler', (request, reply, done) => {
    if (request.method !== 'POST' || request.headers['idempotency-key'] === undefined) return done();
    const path = pathOf(request.url);
    if (KEEP_THEIR_OWN.has(path) || REPEATED_ANYHOW.test(path)) return done();
    begin(request, reply, replaying).then((replied) => {
      if (!replied) done();
    }, done);
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const execution = executionOf(request);
    if (execution === null) return done(null, payload);
    void keep(execution, request, reply, payload).then(() => done(null, payload));
  });
}

/** @returns true when the first response has gone out again */
async function begin(
  request: FastifyRequest,
  reply: FastifyReply,
  { idempotency, ttlMs, retell, isErased }: Replaying,
): Promise<boolean> {
  const keyed = keyedRequest(request);
  if (keyed === null) return false;
  const begun = await idempotency.begin(keyed);
  const repeated = begun.kind === 'replay' || (begun.execution.again && MADE_AGAIN.test(pathOf(request.url)));
  tellIdempotency(reply, repeated, ttlMs);
  if (begun.kind === 'execute') {
    (request as Carried)[EXECUTION] = begun.execution;
    return false;
  }
  const { status, headers, body, told_from: toldFrom } = begun.response;
  const messageId = MESSAGE.exec(headers['location'] ?? '')?.[1];
  const erased = messageId !== undefined && (await isErased(messageId));
  const told = toldFrom === undefined ? body : await retell(toldFrom);
  if (erased || told === null) throw refused('not_found', RESULT_ERASED);
  reply.code(status).headers(headers).send(told);
  return true;
}

/** Before the response is sent, so that a client that has it can rely on its being kept. Never rejects. */
async function keep(
  execution: Execution,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<void> {
  const status = reply.statusCode;
  if (status >= 500) return execution.uncertain();
  if (status >= 400) return execution.refused();
  if (MADE_AGAIN.test(pathOf(request.url))) return execution.uncertain();
  const toldFrom = (request as Carried)[TOLD_FROM] ?? null;
  if (toldFrom !== null) return execution.done({ ...responseOf(reply, status, ''), told_from: toldFrom });
  const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.toString() : '';
  return execution.done(responseOf(reply, status, body));
}

function responseOf(reply: FastifyReply, status: number, body: string): StoredResponse {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = reply.getHeader(name);
    if (value !== undefined) headers[name] = String(value);
  }
  return { status, headers, body };
}

function invalidKey(named: string): RefusedError {
  const message = `${named} must have 1 to ${MAX_KEY_LENGTH} printable ASCII characters.`;
  return refused('invalid_idempotency_key', message);
}
