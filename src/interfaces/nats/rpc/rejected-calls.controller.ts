import { Ctx, MessagePattern, NatsContext, Payload } from '@nestjs/microservices';
import { publisherOf, rootOf } from '../../../broker/direct-subjects.policy.js';
import { limitOf } from '../../rest/list-query.dto.js';
import { RejectedMessages } from '../intake/rejected-messages.js';
import { ValidCall } from './call-payload.js';
import { CallsController } from './calls.controller.js';
import { ListRejectedCallDto } from './calls.dto.js';

/** What was published and not taken in, for publishers who have no rights at the broker's stream of it. */
@CallsController()
export class RejectedCalls {
  constructor(private readonly rejected: RejectedMessages) {}

  @MessagePattern('llmq.rpc.rejected.list')
  async list(
    @Payload(new ValidCall(ListRejectedCallDto)) query: ListRejectedCallDto,
    @Ctx() context: NatsContext,
  ): Promise<Record<string, unknown>> {
    const root = rootOf(publisherOf(context.getSubject()));
    return { ...(await this.rejected.list(root, query.after ?? 0, limitOf(query))) };
  }
}
