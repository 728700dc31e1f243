import { MessagePattern, Payload } from '@nestjs/microservices';
import { QueueStatus } from '../../../operations/queues/queue-status.js';
import { QueueStatusQueryDto, statusJson } from '../../rest/queues/queues.dto.js';
import { ValidCall } from './call-payload.js';
import { CallsController } from './calls.controller.js';

/** The queue as a whole, as `/api/v1/queues` has it. */
@CallsController()
export class QueueCalls {
  constructor(private readonly status: QueueStatus) {}

  @MessagePattern('llmq.rpc.queues.status')
  async lanes(
    @Payload(new ValidCall(QueueStatusQueryDto)) query: QueueStatusQueryDto,
  ): Promise<Record<string, unknown>> {
    return statusJson(await this.status.lanes(), this.status.workerCount, query.lane ?? null);
  }
}
