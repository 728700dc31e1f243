import type { Msg } from '@nats-io/transport-node';
import type { PipeTransform, Type } from '@nestjs/common';
import type { ConsumerDeserializer, IncomingRequest } from '@nestjs/microservices';
import { UNTRACED } from '../../../domain/trace-context.policy.js';
import { invalidFields, type RefusedError } from '../../../submission/refusal.js';
import { isObject } from '../../../submission/submission-rules.policy.js';
import { readJson } from '../../http/json-body.js';
import { ValidRequest } from '../../rest/valid-request.pipe.js';
import { type ReadPayload, readPayload } from '../cloud-event.js';

/** What a call says, or why it can't be read: the filter of calls answers what a pipe throws, and nothing earlier. */
export type CallPayload = { readonly read: ReadPayload } | { readonly refusal: RefusedError };

/** Nest's transport takes each message for a call, which it is by its subject alone: callers need not know of Nest. */
export class CallDeserializer implements ConsumerDeserializer {
  constructor(private readonly maxFields: number) {}

  deserialize(message: Msg): IncomingRequest {
    return { id: message.subject, pattern: message.subject, data: this.read(message) };
  }

  private read({ data, headers }: Msg): CallPayload {
    if (data.length === 0) return { read: { body: {}, name: null, trace: UNTRACED } };
    const json = readJson(Buffer.from(data.buffer, data.byteOffset, data.byteLength), this.maxFields);
    return 'refusal' in json ? json : readPayload(json.value, headers);
  }
}

/** @throws {RefusedError} for a payload that is no request */
export function readOf(payload: CallPayload): ReadPayload {
  if ('refusal' in payload) throw payload.refusal;
  return payload.read;
}

/** The same for a call of which only a part is the request. */
export function fieldsOf({ body }: ReadPayload): Record<string, unknown> {
  if (isObject(body)) return body;
  throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
}

/** For `@Payload`: the request, checked by the rules of the route of REST that does the same. */
export class ValidCall<T extends object> implements PipeTransform<CallPayload, T> {
  private readonly valid: ValidRequest<T>;

  constructor(dto: Type<T>) {
    this.valid = new ValidRequest(dto);
  }

  transform(payload: CallPayload): T {
    const { body } = readOf(payload);
    return this.valid.transform(isObject(body) ? asQuery(body) : body);
  }
}

/** Lists take their limit from an address there, as text. */
function asQuery(body: Record<string, unknown>): Record<string, unknown> {
  return typeof body['limit'] === 'number' ? { ...body, limit: String(body['limit']) } : body;
}
