import { applyDecorators, Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { conversationIdPipe, messageIdPipe } from '../id.pipe.js';
import { ApiKeyFull, RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  ClosedEventDto,
  EndedEventDto,
  FollowDto,
  PieceEventDto,
  RestartEventDto,
  StatusEventDto,
} from './live-streams.dto.js';
import { LiveStreams } from './live-streams.js';

const EVENTS = [StatusEventDto, PieceEventDto, RestartEventDto, EndedEventDto, ClosedEventDto];

/** The schema of a stream is that of each event's data. */
function ApiEvents(): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(...EVENTS),
    ApiHeader({
      name: 'Last-Event-ID',
      required: false,
      schema: { type: 'string' },
      description: 'The id of the last event that was read: the stream goes on behind it',
    }),
    ApiKeyFull(),
    ApiOkResponse({
      description: 'Server-sent events; each is named by its `type`, and has an id to go on from',
      content: {
        'text/event-stream': { schema: { oneOf: EVENTS.map((event) => ({ $ref: getSchemaPath(event) })) } },
      },
    }),
  );
}

const IN_GENERAL =
  'First its state, then each change; while it waits, its place and the time until its call from time to time. ' +
  'The pieces since the last `restart`, joined, are the whole answer. A client that leaves cancels nothing.';

/** Streams that go on where they were cut, on any process. */
@RestApi('streams')
@Controller('api/v1')
export class LiveStreamsController {
  constructor(private readonly streams: LiveStreams) {}

  @Get('messages/:id/stream')
  @ApiOperation({
    operationId: 'streamMessage',
    summary: 'Follow a message to its end',
    description: `${IN_GENERAL} The stream ends with \`ended\`.`,
  })
  @ApiEvents()
  @ApiNoContentResponse({ description: 'The client has the end already' })
  message(
    @Param('id', messageIdPipe) id: string,
    @Query(new ValidRequest(FollowDto)) query: FollowDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.streams.serve({ kind: 'message', id }, request, reply, query.starting_after);
  }

  @Get('conversations/:id/stream')
  @ApiOperation({
    operationId: 'streamConversation',
    summary: 'Follow all messages of a conversation',
    description: `The same for each message that has not ended, and for those that come. ${IN_GENERAL}`,
  })
  @ApiEvents()
  conversation(
    @Param('id', conversationIdPipe) id: string,
    @Query(new ValidRequest(FollowDto)) query: FollowDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.streams.serve({ kind: 'conversation', id }, request, reply, query.starting_after);
  }

  @Get('users/:user_id/stream')
  @ApiOperation({
    operationId: 'streamUser',
    summary: 'Follow all messages of a user',
    description: `The same for each message that has not ended, and for those that come. ${IN_GENERAL}`,
  })
  @ApiEvents()
  user(
    @Param('user_id') id: string,
    @Query(new ValidRequest(FollowDto)) query: FollowDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.streams.serve({ kind: 'user', id }, request, reply, query.starting_after);
  }
}
