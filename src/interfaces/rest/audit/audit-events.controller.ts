import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { endLine, eventFeed, eventLine, type FeedSource } from '../../../operations/timeline/event-feed.js';
import type { EventFilter } from '../../../operations/timeline/event-filter.policy.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { EVENT_LOG } from '../../../platform/tokens.js';
import { EventIndex } from '../../../projection/read/event-index.js';
import { ProjectionBehindError } from '../../../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../../../projection/read/projection-position.js';
import { Conversations } from '../../../submission/conversations/conversations.js';
import { type Waiting, WaitingRequests } from '../../../submission/waiting/waiting-requests.js';
import { AdminOnly, CallerOf } from '../../caller.guard.js';
import { tellRequestIdRaw } from '../../http/request-id.hook.js';
import { ApiKeyFull, RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { AuditEventsDto, EndOfEventsDto, eventFilterOf, StoredEventDto } from './audit-events.dto.js';

/** A caller is told its tenant's events only, and no admin those about what all tenants share. */
@RestApi('audit')
@AdminOnly()
@Controller('api/v1/audit')
export class AuditEventsController {
  private readonly source: FeedSource;

  constructor(
    @Inject(EVENT_LOG) log: EventLog,
    @Inject(EventIndex) index: EventIndex,
    @Inject(ProjectionPosition) position: ProjectionPosition,
    @Inject(SERVICE_CONFIG) { projection }: ServiceConfig,
    private readonly waiting: WaitingRequests,
    private readonly conversations: Conversations,
  ) {
    const projectedUpTo = async (sequence: number) => {
      const reached = await position.waitFor(sequence, projection.read_wait_ms);
      if (!reached) throw new ProjectionBehindError(sequence);
    };
    this.source = { log, index, projectedUpTo };
  }

  @Get('events')
  @ApiOperation({
    operationId: 'streamEvents',
    summary: "The log's events as a stream, up to its present end",
    description:
      'NDJSON: a line `{"sequence", "event"}` for each event, and at the end `{"end": {"after"}}`, which tells where to continue. Without that line the stream was interrupted: continue after the last sequence. For admins.',
  })
  @ApiKeyFull()
  @ApiExtraModels(StoredEventDto, EndOfEventsDto)
  @ApiOkResponse({
    description: 'Lines of JSON; the schema is that of each line',
    content: {
      'application/x-ndjson': {
        schema: {
          anyOf: [{ $ref: getSchemaPath(StoredEventDto) }, { $ref: getSchemaPath(EndOfEventsDto) }],
        },
      },
    },
  })
  async events(
    @Query(new ValidRequest(AuditEventsDto)) query: AuditEventsDto,
    @CallerOf() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const waiting = this.waiting.enter(reply.raw, caller.name);
    try {
      const named = query.conversation_id;
      const conversation = named == null ? undefined : await this.conversations.nameInLog(caller, named);
      await this.stream(reply, eventFilterOf(caller, query, conversation), Number(query.after ?? 0), waiting);
    } finally {
      waiting.leave();
    }
  }

  private async stream(
    reply: FastifyReply,
    filter: EventFilter,
    after: number,
    { signal }: Waiting,
  ): Promise<void> {
    tellRequestIdRaw(reply);
    const lines = new LineStream(reply.raw);
    let upTo = after;
    for await (const batch of eventFeed(this.source, filter, { after, follow: false, signal })) {
      if (signal.aborted) break;
      await lines.write(batch.events.map(eventLine).join(''), signal);
      upTo = batch.upTo;
    }
    // Nest is not to answer as well.
    reply.hijack();
    if (signal.aborted) reply.raw.destroy();
    else lines.end(endLine(upTo));
  }
}

const HEADERS = {
  'content-type': 'application/x-ndjson; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect the lines into blocks otherwise.
  'x-accel-buffering': 'no',
};

/** Lines of NDJSON on a response. The headers go out with the first, so that a failure before it is told by a status. */
export class LineStream {
  constructor(private readonly response: ServerResponse) {}

  /** Resolves when the client can take more, so that the log is read no faster than the client reads. */
  async write(lines: string, signal: AbortSignal): Promise<void> {
    if (lines === '' || this.response.destroyed) return;
    if (!this.response.headersSent) this.response.writeHead(200, HEADERS);
    if (this.response.write(lines) || this.response.destroyed) return;
    await once(this.response, 'drain', { signal }).catch(() => undefined);
  }

  end(line: string): void {
    if (!this.response.headersSent) this.response.writeHead(200, HEADERS);
    this.response.end(line);
  }
}
