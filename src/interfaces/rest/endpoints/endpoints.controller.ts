import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { EndpointChanges } from '../../../operations/endpoints/endpoint-changes.js';
import { EndpointDirectory } from '../../../operations/endpoints/endpoint-directory.js';
import { EndpointStats } from '../../../operations/endpoints/endpoint-stats.js';
import { CallerOf, OperatorOnly } from '../../caller.guard.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { ChangeEndpointDto, DrainDto, EndpointDto, EndpointListDto, NewEndpointDto } from './endpoint.dto.js';
import { endpointJson } from './endpoint.json.js';
import { complete, newEndpoint, patchOf } from './endpoint-request.js';
import { EndpointStatsDto, statsJson } from './endpoint-stats.dto.js';

const validDrain = new ValidRequest(DrainDto);

@RestApi('endpoints')
@OperatorOnly()
@Controller('api/v1/endpoints')
export class EndpointsController {
  constructor(
    private readonly directory: EndpointDirectory,
    private readonly changes: EndpointChanges,
    private readonly stats: EndpointStats,
  ) {}

  @Get()
  @ApiOperation({
    operationId: 'listEndpoints',
    summary: 'List the endpoints: those of the configuration, and those that were registered',
  })
  @ApiOkResponse({ type: EndpointListDto })
  list(): Record<string, unknown> {
    return { data: this.directory.list().map(endpointJson) };
  }

  @Post()
  @ApiOperation({
    operationId: 'registerEndpoint',
    summary: 'Register an endpoint',
    description:
      'All processes know it within a second, and after every restart. Its key stays in the environment of the workers: give the name of the variable.',
  })
  @ApiBody({ type: NewEndpointDto })
  @ApiCreatedResponse({ type: EndpointDto })
  async register(
    @Body(new ValidRequest(NewEndpointDto)) dto: NewEndpointDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    return endpointJson(await this.changes.register(admin, newEndpoint(dto)));
  }

  @Get(':name')
  @ApiOperation({ operationId: 'getEndpoint', summary: 'Read an endpoint' })
  @ApiOkResponse({ type: EndpointDto })
  find(@Param('name') name: string): Record<string, unknown> {
    return endpointJson(this.changes.known(name));
  }

  @Get(':name/stats')
  @ApiOperation({
    operationId: 'getEndpointStats',
    summary: 'How an endpoint does: its state, calls, latencies and tokens, over all workers',
    description:
      'At most some seconds old. Counts begin with the start of each worker; those of workers that ended count for as long as the process runs that answers.',
  })
  @ApiOkResponse({ type: EndpointStatsDto })
  statsOf(@Param('name') name: string): Record<string, unknown> {
    return statsJson(this.stats.of(this.changes.known(name)));
  }

  @Patch(':name')
  @ApiOperation({
    operationId: 'changeEndpoint',
    summary: 'Change parts of an endpoint',
    description:
      'Calls under way end as they began. Of an endpoint that the configuration names only `changeable` can be changed, up to `at_most`; null goes back to what the configuration says.',
  })
  @ApiBody({ type: ChangeEndpointDto })
  @ApiOkResponse({ type: EndpointDto })
  async change(
    @Param('name') name: string,
    @Body(new ValidRequest(ChangeEndpointDto)) dto: ChangeEndpointDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    return endpointJson(await this.changes.change(admin, name, patchOf(dto), complete));
  }

  @Delete(':name')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'removeEndpoint',
    summary: 'Remove an endpoint that was registered',
    description: 'It gets no new calls from now on. Those under way end as they would have.',
  })
  @ApiNoContentResponse()
  async remove(@Param('name') name: string, @CallerOf() admin: Caller): Promise<void> {
    await this.changes.remove(admin, name);
  }

  @Post(':name/drain')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'drainEndpoint',
    summary: 'Drain an endpoint: it gets no new calls until it is undrained',
    description: 'Calls under way end. Messages that only it can serve wait. It lasts over restarts.',
  })
  @ApiBody({ type: DrainDto, required: false })
  @ApiOkResponse({ type: EndpointDto })
  async drain(
    @Param('name') name: string,
    @Body() body: unknown,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    return endpointJson(await this.changes.drain(admin, name, reasonIn(body)));
  }

  @Post(':name/undrain')
  @HttpCode(200)
  @ApiOperation({ operationId: 'undrainEndpoint', summary: 'Give a drained endpoint calls again' })
  @ApiBody({ type: DrainDto, required: false })
  @ApiOkResponse({ type: EndpointDto })
  async undrain(
    @Param('name') name: string,
    @Body() body: unknown,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    return endpointJson(await this.changes.undrain(admin, name, reasonIn(body)));
  }
}

function reasonIn(body: unknown): string {
  return (validDrain.transform(body ?? {}) as DrainDto).reason ?? '';
}
