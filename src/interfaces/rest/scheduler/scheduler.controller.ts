import { Body, Controller, Get, Inject, Put, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { InvalidCursorError } from '../../../projection/read/page.js';
import { KnownReadings } from '../../../scheduler/readings/known-readings.js';
import { ScaleDecisions } from '../../../scheduler/scale-decisions.js';
import { SchedulerSettings } from '../../../scheduler/scheduler-settings.js';
import { problemsOf } from '../../../scheduler/scheduler-settings.policy.js';
import { invalidFields, refused } from '../../../submission/refusal.js';
import { CallerOf, OperatorOnly } from '../../caller.guard.js';
import { limitOf } from '../list-query.dto.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { metricsJson } from './metrics.json.js';
import {
  changesOf,
  DecisionsQueryDto,
  decisionJson,
  ScaleDecisionsDto,
  SchedulerChangesDto,
  SchedulerDto,
  SchedulerMetricsDto,
  SchedulerMetricsQueryDto,
} from './scheduler.dto.js';

/** How many slots there shall be, and why: settings, decisions, and what they are made from. */
@RestApi('scheduler')
@Controller('api/v1/scheduler')
export class SchedulerController {
  constructor(
    private readonly settings: SchedulerSettings,
    private readonly decisions: ScaleDecisions,
    private readonly readings: KnownReadings,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  @Get()
  @OperatorOnly()
  @ApiOperation({ operationId: 'getScheduler', summary: 'The settings of the scheduler, and the size now' })
  @ApiOkResponse({ type: SchedulerDto })
  read(): Record<string, unknown> {
    const { current, changed, lastChange } = this.settings;
    const told = this.readings.current;
    return {
      ...{ settings: current, changed },
      ...{ changed_by: lastChange?.by ?? null, changed_at: lastChange?.at ?? null },
      actuator: this.config.scheduler.actuator,
      ...{ term: told?.term ?? null, slots: told?.slots ?? null, wanted_slots: told?.wanted_slots ?? null },
    };
  }

  @Put()
  @OperatorOnly()
  @ApiOperation({
    operationId: 'setScheduler',
    summary: 'Change the settings of the scheduler',
    description:
      'The body is what differs from the configuration from now on, in all processes and over restarts; an empty object puts everything back. It takes the place of earlier changes.',
  })
  @ApiBody({ type: SchedulerChangesDto })
  @ApiOkResponse({ type: SchedulerDto })
  async change(
    @Body(new ValidRequest(SchedulerChangesDto)) body: SchedulerChangesDto,
    @CallerOf() { tenant, name }: Caller,
  ): Promise<Record<string, unknown>> {
    const changes = changesOf(body);
    const problems = problemsOf(this.settings.with(changes));
    if (problems.length > 0) throw invalidFields(problems);
    await this.settings.set(tenant, changes, name);
    return this.read();
  }

  @Get('decisions')
  @OperatorOnly()
  @ApiOperation({
    operationId: 'listScaleDecisions',
    summary: 'What the scheduler decided of late, and why',
    description: 'The last 1,000; older ones are in the audit, as `llmq.admin.scale-decided.v1`.',
  })
  @ApiOkResponse({ type: ScaleDecisionsDto })
  list(@Query(new ValidRequest(DecisionsQueryDto)) query: DecisionsQueryDto): Record<string, unknown> {
    const limit = limitOf(query);
    const { model = null, order = 'desc' } = query;
    // One more than a page tells whether there is another.
    const found = this.decisions.list({ limit: limit + 1, model, order, cursor: placeOf(query.cursor) });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      data: page.map(decisionJson),
      next_cursor: found.length > limit && last !== undefined ? String(last.sequence) : null,
    };
  }

  @Get('metrics')
  @ApiOperation({
    operationId: 'getSchedulerMetrics',
    summary: 'The load as the leader of the schedulers read it, for scalers',
    description:
      "For KEDA's `metrics-api` scaler and others. `waiting`, `running`, `load` and `wanted_slots` at the top are of the model and the lane that were asked for, or of all. What is unknown is `503`, and never a zero.",
  })
  @ApiOkResponse({ type: SchedulerMetricsDto })
  metrics(
    @Query(new ValidRequest(SchedulerMetricsQueryDto)) { model, lane }: SchedulerMetricsQueryDto,
  ): Record<string, unknown> {
    const told = this.readings.current;
    if (told === null) {
      const why = this.settings.current.enabled
        ? 'No leader of the schedulers is heard.'
        : 'The scheduler is off; scheduler.enabled switches it on.';
      throw refused('scheduler_unknown', why);
    }
    const json = metricsJson(told, { model: model ?? null, lane: lane ?? null });
    if (json !== null) return json;
    throw refused(
      'scheduler_unknown',
      'What was asked for is not known now: the model is not served, or its lanes could not be read.',
    );
  }
}

/** @throws {InvalidCursorError} for what no page has given out */
function placeOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  if (!/^[1-9]\d{0,15}$/.test(cursor)) throw new InvalidCursorError();
  return Number(cursor);
}
