import type { MsgHdrs } from '@nats-io/transport-node';
import { type TraceContext, traceContextOf } from '../../domain/trace-context.policy.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { invalidFields, type RefusedError } from '../../submission/refusal.js';
import { isObject } from '../../submission/submission-rules.policy.js';

/** What a payload says: the body of a request, and by what name its sender knows it. */
export interface ReadPayload {
  readonly body: unknown;
  /** `source` and `id` name a CloudEvent; null for plain JSON. */
  readonly name: string | null;
  readonly trace: TraceContext;
}

const STRUCTURED = 'application/cloudevents+json';
const ATTRIBUTES = ['id', 'source', 'type'] as const;

/**
 * A CloudEvent 1.0 in structured mode (an object with `specversion`), in binary mode (headers `ce-...`), or a plain body.
 * What the event's type is plays no part: the subject says what is asked for.
 */
export function readPayload(
  value: unknown,
  headers: MsgHdrs | undefined,
): { readonly read: ReadPayload } | { readonly refusal: RefusedError } {
  const header = (name: string) => headers?.get(name) || undefined;
  if (header('ce-specversion') !== undefined) {
    const event = Object.fromEntries(
      ['specversion', ...ATTRIBUTES, 'traceparent', 'tracestate'].map((name) => [name, header(`ce-${name}`)]),
    );
    return readEvent(event, value);
  }
  const structured =
    header('content-type')?.startsWith(STRUCTURED) || (isObject(value) && 'specversion' in value);
  if (!structured) {
    const trace = traceContextOf(header('traceparent'), header('tracestate'));
    return { read: { body: value, name: null, trace } };
  }
  if (!isObject(value)) return refusal('body', 'must be a CloudEvent, which is a JSON object');
  if ('data_base64' in value) return refusal('data_base64', 'must be absent: data is JSON');
  return readEvent(value, value['data']);
}

function readEvent(event: Readonly<Record<string, unknown>>, body: unknown): ReturnType<typeof readPayload> {
  if (event['specversion'] !== '1.0') return refusal('specversion', 'must be "1.0"');
  for (const name of ATTRIBUTES) {
    const value = event[name];
    if (typeof value !== 'string' || value === '')
      return refusal(name, 'is missing: a CloudEvent has id, source and type');
  }
  const { id, source, traceparent, tracestate } = event as Record<string, string>;
  const name = isUuid(id) ? id : JSON.stringify([source, id]);
  return { read: { body, name, trace: traceContextOf(traceparent, tracestate) } };
}

function refusal(field: string, reason: string): { readonly refusal: RefusedError } {
  return { refusal: invalidFields([{ field, reason }]) };
}
