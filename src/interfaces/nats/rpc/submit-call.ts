import { Inject, Injectable } from '@nestjs/common';
import type { NatsContext } from '@nestjs/microservices';
import { publisherOf, rootOf } from '../../../broker/direct-subjects.policy.js';
import type { Caller } from '../../../domain/caller.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { enterTrace, SpanKind, traceBehind, within } from '../../../platform/telemetry/spans.js';
import { SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { RefusedError } from '../../../submission/refusal.js';
import { acceptedJson } from '../../rest/message.json.js';
import type { ReadPayload } from '../cloud-event.js';
import { idNamed } from '../message-identity.js';
import { REPLY_SUBJECT, submissionIn } from '../submission-in.js';

/** Submits what a call asks for: as what is published, by the same rules, with the same ids, but answered at once. */
@Injectable()
export class SubmitCall {
  constructor(
    private readonly submitOnce: SubmitOnce,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'newId'>,
  ) {}

  /** @throws {RefusedError} */
  submit(caller: Caller, read: ReadPayload, context: NatsContext): Promise<Record<string, unknown>> {
    const span = enterTrace('nats submit', read.trace, { kind: SpanKind.SERVER });
    const trace = traceBehind(span, read.trace);
    return within(span, () => this.submitIn(caller, { ...read, trace }, context));
  }

  private async submitIn(
    caller: Caller,
    read: ReadPayload,
    context: NatsContext,
  ): Promise<Record<string, unknown>> {
    const root = rootOf(publisherOf(context.getSubject()));
    const header = (name: string): string | undefined => context.getHeaders()?.get(name) || undefined;
    const named = header('Nats-Msg-Id') ?? read.name;
    const id = named === null ? this.sources.newId() : idNamed(root, caller.tenant, named);
    const submission = submissionIn(read, { root, lane: 'auto', id, replySubject: header(REPLY_SUBJECT) });
    const item = { id, mayBeThere: named !== null, submission };
    const result = (await this.submitOnce.submitMany(caller, [item]))[0]!;
    if (result instanceof RefusedError) throw result;
    return acceptedJson(result, submission);
  }
}
