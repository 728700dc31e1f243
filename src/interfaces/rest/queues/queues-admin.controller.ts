import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import { LanePauses } from '../../../dispatch/lanes/lane-pauses.js';
import type { Caller } from '../../../domain/caller.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import { AdminChanges } from '../../../log/admin/admin-changes.js';
import { refused } from '../../../submission/refusal.js';
import { CallerOf, OperatorOnly } from '../../caller.guard.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { LanePauseDto, PauseDto, pauseJson } from './queues.dto.js';

const validPause = new ValidRequest(PauseDto);

/** Both commands may be repeated: a lane that is paused already stays paused by who paused it first. */
@RestApi('admin')
@OperatorOnly()
@Controller(['api/v1/admin/lanes', 'api/v1/admin/queues'])
export class QueuesAdminController {
  constructor(
    private readonly pauses: LanePauses,
    private readonly changes: AdminChanges,
  ) {}

  @Post(':lane/pause')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'pauseLane',
    summary: 'Pause a lane: workers take no messages out of it',
    description:
      'The lane still accepts messages, and running calls continue. The pause lasts until the lane is resumed, also over restarts.',
  })
  @ApiParam({ name: 'lane', enum: LANES })
  @ApiBody({ type: PauseDto, required: false })
  @ApiOkResponse({ type: LanePauseDto })
  async pause(
    @Param('lane') name: string,
    @Body() body: unknown,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const { lane, ...event } = this.change(caller, name, body);
    if (!this.pauses.isPaused(lane)) {
      await this.changes.record(event.tenant, lane, 'llmq.admin.lane-paused.v1', { lane, ...event.data });
    }
    return pauseJson(lane, this.pauses.pauseOf(lane));
  }

  @Post(':lane/resume')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'resumeLane',
    summary: 'Resume a lane: workers take messages out of it again',
  })
  @ApiParam({ name: 'lane', enum: LANES })
  @ApiBody({ type: PauseDto, required: false })
  @ApiOkResponse({ type: LanePauseDto })
  async resume(
    @Param('lane') name: string,
    @Body() body: unknown,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const { lane, ...event } = this.change(caller, name, body);
    if (this.pauses.isPaused(lane)) {
      await this.changes.record(event.tenant, lane, 'llmq.admin.lane-resumed.v1', { lane, ...event.data });
    }
    return pauseJson(lane, this.pauses.pauseOf(lane));
  }

  private change({ tenant, name: by }: Caller, name: string, body: unknown) {
    const lane = LANES.find((known) => known === name);
    if (lane === undefined) {
      throw refused('not_found', `There is no lane ${JSON.stringify(name)}; there are ${LANES.join(', ')}.`);
    }
    const { reason = '' } = validPause.transform(body ?? {}) as PauseDto;
    return { lane: lane as Lane, tenant, data: { by, reason } };
  }
}
