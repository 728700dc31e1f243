import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { QueueStats } from '../../../operations/queues/queue-stats.js';
import { QueueStatus } from '../../../operations/queues/queue-status.js';
import { CallerOf } from '../../caller.guard.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  QueueStatsDto,
  QueueStatsQueryDto,
  QueueStatusDto,
  QueueStatusQueryDto,
  statsJson,
  statusJson,
} from './queues.dto.js';

/**
 * The queue as a whole. The status is of all tenants together, for every caller: lanes and workers are shared, and what
 * waits before a message is why it waits; numbers of messages are all that is told. Statistics are the caller's own
 * tenant's.
 */
@RestApi('queues')
@Controller('api/v1/queues')
export class QueuesController {
  constructor(
    private readonly status: QueueStatus,
    private readonly stats: QueueStats,
  ) {}

  @Get('status')
  @ApiOperation({ operationId: 'getQueueStatus', summary: 'The state of the lanes now, over all tenants' })
  @ApiOkResponse({ type: QueueStatusDto })
  async lanes(
    @Query(new ValidRequest(QueueStatusQueryDto)) query: QueueStatusQueryDto,
  ): Promise<Record<string, unknown>> {
    return statusJson(await this.status.lanes(), this.status.workerCount, query.lane ?? null);
  }

  @Get('stats')
  @ApiOperation({
    operationId: 'getQueueStats',
    summary: "What became of the caller's messages in the last hours or days",
  })
  @ApiOkResponse({ type: QueueStatsDto })
  async inSpan(
    @Query(new ValidRequest(QueueStatsQueryDto)) query: QueueStatsQueryDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const range = query.time_range ?? '1h';
    return statsJson(range, await this.stats.of(caller.tenant, range), query.lane ?? null);
  }
}
