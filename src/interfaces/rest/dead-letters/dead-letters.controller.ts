import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import { DeadLetters } from '../../../operations/dead-letters/dead-letters.js';
import { MessageLookup } from '../../../submission/message-lookup.js';
import { invalidFields, RefusedError, refused } from '../../../submission/refusal.js';
import { AdminOnly, CallerOf } from '../../caller.guard.js';
import { traceOfRequest } from '../../http/traced-requests.js';
import { messageIdPipe } from '../id.pipe.js';
import { limitOf, orderOf } from '../list-query.dto.js';
import { messageJson } from '../message.json.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  attemptJson,
  DeadLetterDetailDto,
  DeadLetterPageDto,
  deadLetterJson,
  deadLetterPageJson,
  filterOf,
  ListDeadLettersDto,
  MAX_REQUEUED,
  RequeueAllDto,
  RequeueDto,
  RequeuedDto,
  RequeueOneDto,
} from './dead-letter.dto.js';

const DEFAULT_REASON = 'asked for by an admin';
const validOne = new ValidRequest(RequeueOneDto);
const validAll = new ValidRequest(RequeueAllDto);

@RestApi('dead letters')
@AdminOnly()
@Controller('api/v1/admin/dead-letters')
export class DeadLettersController {
  constructor(
    private readonly deadLetters: DeadLetters,
    private readonly lookup: MessageLookup,
  ) {}

  @Get()
  @ApiOperation({
    operationId: 'listDeadLetters',
    summary: 'List the messages that failed for good, by default the newest failure first',
  })
  @ApiOkResponse({ type: DeadLetterPageDto })
  async list(
    @Query(new ValidRequest(ListDeadLettersDto)) query: ListDeadLettersDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const filter = filterOf(caller.tenant, query);
    const limit = limitOf(query);
    return deadLetterPageJson(
      await this.deadLetters.list(filter, orderOf(query), limit, query.cursor ?? null),
    );
  }

  @Get(':id')
  @ApiOperation({
    operationId: 'getDeadLetter',
    summary: 'Read a dead letter, with the error of every attempt',
  })
  @ApiOkResponse({ type: DeadLetterDetailDto })
  async find(
    @Param('id', messageIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const { tenant } = caller;
    const letter = await this.deadLetters.find(tenant, id);
    const view = letter && (await this.lookup.find(tenant, id));
    if (letter === null || view === null) throw notFound(id);
    const history = await this.deadLetters.attempts(id);
    return { ...deadLetterJson(letter), message: messageJson(view), history: history.map(attemptJson) };
  }

  @Post('requeue')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'requeueDeadLetters',
    summary: 'Put the dead letters that a filter matches back into their lanes',
    description:
      'They have all their retries again, and come in the order in which they failed. At most 10,000 in one request; `more` says ' +
      'whether there are others. Those past their deadline stay on the list (`past_deadline`).',
  })
  @ApiBody({ type: RequeueDto })
  @ApiOkResponse({ type: RequeuedDto })
  async requeueAll(
    @Body(new ValidRequest(RequeueDto)) body: RequeueDto,
    @CallerOf() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<Record<string, unknown>> {
    const filter = filterOf(caller.tenant, body);
    const filtered = Object.values(filter).filter((value) => value !== undefined).length > 1;
    refuseUnlessMeant(body.all === true, filtered);
    return this.putBack(caller, body, request);
  }

  @Post('requeue-all')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'requeueAllDeadLetters',
    summary: 'Put all dead letters back into their lanes, or all that a filter matches',
    description: 'Like `requeue`, and without a filter all of them are meant.',
  })
  @ApiBody({ type: RequeueAllDto, required: false })
  @ApiOkResponse({ type: RequeuedDto })
  requeueEvery(
    @Body() body: unknown,
    @CallerOf() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<Record<string, unknown>> {
    return this.putBack(caller, validAll.transform(body ?? {}), request);
  }

  private async putBack(
    caller: Caller,
    body: RequeueAllDto,
    request: FastifyRequest,
  ): Promise<Record<string, unknown>> {
    const { limit, reason } = body;
    const { requeued, pastDeadline, more } = await this.deadLetters.requeueAll(
      caller,
      filterOf(caller.tenant, body),
      limit ?? MAX_REQUEUED,
      { reason: reason ?? DEFAULT_REASON, trace: traceOfRequest(request) },
    );
    return { requeued, past_deadline: pastDeadline, more };
  }

  @Post(':id/requeue')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'requeueDeadLetter',
    summary: 'Put a dead letter back into its lane, with all its retries again',
  })
  @ApiBody({ type: RequeueOneDto, required: false })
  @ApiOkResponse({ type: RequeuedDto })
  async requeue(
    @Param('id', messageIdPipe) id: string,
    @Body() body: unknown,
    @CallerOf() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<Record<string, unknown>> {
    const { reason } = validOne.transform(body ?? {});
    const wish = { reason: reason ?? DEFAULT_REASON, trace: traceOfRequest(request) };
    const requeued = await this.deadLetters.requeue(caller, id, wish);
    if (requeued === 'gone') throw notFound(id);
    if (requeued === 'past_deadline') {
      throw refused('deadline_passed', `The deadline of message ${id} has passed: it would expire.`);
    }
    return { requeued: 1, past_deadline: 0, more: false };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'discardDeadLetter',
    summary: 'Take a dead letter off the list; the message stays readable',
  })
  @ApiNoContentResponse()
  async discard(@Param('id', messageIdPipe) id: string, @CallerOf() caller: Caller): Promise<void> {
    if (!(await this.deadLetters.discard(caller, id, DEFAULT_REASON))) throw notFound(id);
  }
}

/** A filter that someone forgot must not requeue everything. */
function refuseUnlessMeant(all: boolean, filtered: boolean): void {
  if (all === filtered) {
    const reason = all ? 'must be absent if there is a filter' : 'must be true if there is no filter';
    throw invalidFields([{ field: 'all', reason }]);
  }
}

function notFound(id: string): RefusedError {
  return refused('not_found', `There is no dead letter ${id}.`);
}
