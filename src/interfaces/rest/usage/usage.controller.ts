import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { UsageReader } from '../../../projection/read/usage-reader.js';
import { CallerOf } from '../../caller.guard.js';
import { limitOf } from '../list-query.dto.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { groupJson, groupsIn, sumsJson, UsageDto, UsageQueryDto, usageFilterOf } from './usage.dto.js';

/** What the caller's own tenant used and what that cost, for clients and admins alike. */
@RestApi('usage')
@Controller('api/v1/usage')
export class UsageController {
  constructor(
    @Inject(UsageReader) private readonly reader: UsageReader,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  @Get()
  @ApiOperation({
    operationId: 'getUsage',
    summary: "What the tenant's completed messages used and cost",
    description:
      'By the hour in which they were completed, at the price of that moment, with the summaries of conversations. Failed calls are not in it.',
  })
  @ApiOkResponse({ type: UsageDto })
  async used(
    @Query(new ValidRequest(UsageQueryDto)) query: UsageQueryDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const filter = usageFilterOf(caller.tenant, query, this.sources.nowMs());
    const groups = groupsIn(query.group_by ?? 'day') ?? ['day'];
    const [total, page] = await Promise.all([
      this.reader.total(filter),
      this.reader.grouped(filter, groups, {
        ...{ order: query.order ?? 'asc', limit: limitOf(query), cursor: query.cursor ?? null },
      }),
    ]);
    return {
      ...{ from: filter.from, to: filter.to, group_by: groups },
      total: sumsJson(total),
      data: page.data.map(groupJson),
      next_cursor: page.nextCursor,
    };
  }
}
