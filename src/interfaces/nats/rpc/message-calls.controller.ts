import { Inject } from '@nestjs/common';
import { Ctx, MessagePattern, NatsContext, Payload } from '@nestjs/microservices';
import type { Caller } from '../../../domain/caller.js';
import { CancelMessage } from '../../../submission/cancel-message.js';
import { MessageLookup } from '../../../submission/message-lookup.js';
import { invalidFields, refused } from '../../../submission/refusal.js';
import { AnswerWait } from '../../../submission/waiting/answer-wait.js';
import { MessageWaits } from '../../../submission/waiting/message-waits.js';
import type { Connection } from '../../../submission/waiting/waiting-requests.js';
import { CallerOf } from '../../caller.guard.js';
import { waitDuration } from '../../rest/duration.policy.js';
import { wait } from '../../rest/list-messages.dto.js';
import { messageJson, waitingMessageJson } from '../../rest/message.json.js';
import { type CallPayload, fieldsOf, readOf, ValidCall } from './call-payload.js';
import { CallsController } from './calls.controller.js';
import { FindMessageCallDto, MessageCallDto } from './calls.dto.js';
import { SubmitCall } from './submit-call.js';

const BY_CLIENT = 'its client asked for it';
/** Nobody can see over NATS whether a caller is still there. */
const STAYS: Connection = { once: () => undefined, off: () => undefined };

/** Messages, as `/api/v1/messages` has them. */
@CallsController()
export class MessageCalls {
  constructor(
    private readonly submitCall: SubmitCall,
    private readonly cancelMessage: CancelMessage,
    private readonly lookup: MessageLookup,
    private readonly answerWait: AnswerWait,
    @Inject(MessageWaits) private readonly waits: MessageWaits,
  ) {}

  /** With `wait`: the message when it has ended, or as it is when the time is over, or as it was accepted where nobody can wait for it. */
  @MessagePattern('llmq.rpc.messages.submit')
  async submit(
    @Payload() payload: CallPayload,
    @Ctx() context: NatsContext,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const read = readOf(payload);
    const { wait: asked, ...body } = fieldsOf(read);
    const waitMs = waitMsOf(asked);
    const accepted = await this.submitCall.submit(caller, { ...read, body }, context);
    if (waitMs === 0) return accepted;
    // It is accepted whatever becomes of the wait: who was told of an error would send it again.
    return this.found(caller, accepted['id'] as string, waitMs).catch(() => accepted);
  }

  @MessagePattern('llmq.rpc.messages.get')
  find(
    @Payload(new ValidCall(FindMessageCallDto)) query: FindMessageCallDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return this.found(caller, query.id.toLowerCase(), waitMsOf(query.wait));
  }

  @MessagePattern('llmq.rpc.messages.cancel')
  async cancel(
    @Payload(new ValidCall(MessageCallDto)) { id }: MessageCallDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return messageJson(await this.cancelMessage.cancel(caller, id.toLowerCase(), BY_CLIENT));
  }

  private async found(caller: Caller, id: string, waitMs: number): Promise<Record<string, unknown>> {
    const view =
      waitMs > 0
        ? await this.answerWait.find(caller, id, waitMs, STAYS)
        : await this.lookup.find(caller.tenant, id);
    if (view === null) throw refused('not_found', `There is no message ${id}.`);
    return waitingMessageJson(view, await this.waits.of(view));
  }
}

/** @throws {RefusedError} `invalid_fields` */
function waitMsOf(asked: unknown): number {
  if (asked == null) return 0;
  const reason = wait(asked);
  if (reason !== null) throw invalidFields([{ field: 'wait', reason }]);
  return waitDuration(asked as string) ?? 0;
}
