import { UseFilters } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import type { WebSocketServer as Sockets } from 'ws';
import type { Caller } from '../../domain/caller.js';
import { conversationKey } from '../../domain/conversation/given-id.policy.js';
import { CancelMessage } from '../../submission/cancel-message.js';
import type { LiveTopic } from '../../submission/live/live-event.js';
import { invalidFields, RefusedError } from '../../submission/refusal.js';
import { CallerOf, ClientOnly } from '../caller.guard.js';
import { WEBSOCKET_PATH } from '../http/upgrades.js';
import { messageJson } from '../rest/message.json.js';
import { ValidRequest } from '../rest/valid-request.pipe.js';
import {
  AuthenticateFrameDto,
  CancelFrameDto,
  PingFrameDto,
  SubmitFrameDto,
  SubscribeFrameDto,
  UnsubscribeFrameDto,
} from './client-frames.dto.js';
import type { FrameClient } from './frame-client.js';
import { FrameErrorFilter } from './frame-error.filter.js';
import { FrameSubmissions } from './frame-submissions.js';
import { OpenClients } from './open-clients.js';
import { Subscriptions } from './subscriptions.js';

const BY_CLIENT = 'its client asked for it';

/** The frames that clients send over a WebSocket, one handler for each type; a frame's answer carries its `request_id`. */
@WebSocketGateway({ path: WEBSOCKET_PATH })
@UseFilters(FrameErrorFilter)
export class FramesGateway implements OnGatewayConnection<FrameClient>, OnGatewayDisconnect<FrameClient> {
  @WebSocketServer() readonly sockets!: Sockets;

  constructor(
    private readonly submissions: FrameSubmissions,
    private readonly subscriptions: Subscriptions,
    private readonly cancelMessage: CancelMessage,
    private readonly clients: OpenClients,
  ) {}

  /** The handshake has proved whose it is, or has found that the key is still to come. */
  handleConnection(client: FrameClient): void {
    this.clients.admitByHandshake(client);
  }

  handleDisconnect(client: FrameClient): void {
    for (const subscription of [...client.subscriptions.values()]) subscription.end();
  }

  @SubscribeMessage('authenticate')
  authenticate(
    @ConnectedSocket() client: FrameClient,
    @MessageBody(new ValidRequest(AuthenticateFrameDto)) { request_id, key, tenant }: AuthenticateFrameDto,
  ): object | null {
    if (client.admission !== null) {
      const reason = 'is for a WebSocket whose handshake carried no key, as its first frame';
      throw invalidFields([{ field: 'type', reason }]);
    }
    const { headers } = client.handshake;
    const meant = tenant == null ? {} : { 'x-llmq-tenant': tenant };
    try {
      this.clients.admit(client, { ...headers, 'x-api-key': key, ...meant });
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== 'unauthorized') throw error;
      client.refuse(request_id, error.refusal);
      client.close('unauthorized', error.message);
      return null;
    }
    return { type: 'authenticated', request_id };
  }

  @SubscribeMessage('submit')
  @ClientOnly()
  async submit(
    @CallerOf() caller: Caller,
    @ConnectedSocket() client: FrameClient,
    @MessageBody(new ValidRequest(SubmitFrameDto)) frame: SubmitFrameDto,
  ): Promise<void> {
    const name = frame.request_id;
    if (frame.subscribe === true) this.subscriptions.refuseOneTooMany(client, name);
    const { message, replayed } = await this.submissions.submit(caller, frame);
    client.send({ type: 'accepted', request_id: name, message, replayed });
    if (frame.subscribe !== true) return;
    const topic: LiveTopic = { kind: 'message', id: message.id };
    await this.subscriptions.open(client, caller, { name, topic, after: undefined });
  }

  @SubscribeMessage('cancel')
  @ClientOnly()
  async cancel(
    @CallerOf() caller: Caller,
    @MessageBody(new ValidRequest(CancelFrameDto)) { request_id, message_id }: CancelFrameDto,
  ): Promise<object> {
    const view = await this.cancelMessage.cancel(caller, message_id.toLowerCase(), BY_CLIENT);
    return { type: 'cancelled', request_id, message: messageJson(view) };
  }

  @SubscribeMessage('subscribe')
  async subscribe(
    @CallerOf() caller: Caller,
    @ConnectedSocket() client: FrameClient,
    @MessageBody(new ValidRequest(SubscribeFrameDto)) frame: SubscribeFrameDto,
  ): Promise<void> {
    const after = frame.starting_after == null ? undefined : String(frame.starting_after);
    await this.subscriptions.open(client, caller, { name: frame.request_id, topic: topicOf(frame), after });
  }

  @SubscribeMessage('unsubscribe')
  unsubscribe(
    @ConnectedSocket() client: FrameClient,
    @MessageBody(new ValidRequest(UnsubscribeFrameDto)) { request_id, subscription }: UnsubscribeFrameDto,
  ): object {
    // One that has just ended by itself is as the client wants it.
    client.subscriptions.get(subscription)?.end();
    return { type: 'unsubscribed', request_id, subscription };
  }

  @SubscribeMessage('ping')
  ping(@MessageBody(new ValidRequest(PingFrameDto)) { request_id }: PingFrameDto): object {
    return { type: 'pong', request_id };
  }
}

/** @throws {RefusedError} `invalid_fields`, for none or more than one */
function topicOf({ message_id, conversation_id, user_id }: SubscribeFrameDto): LiveTopic {
  const topics: LiveTopic[] = [
    ...(message_id == null ? [] : [{ kind: 'message' as const, id: message_id.toLowerCase() }]),
    ...(conversation_id == null
      ? []
      : [{ kind: 'conversation' as const, id: conversationKey(conversation_id) }]),
    ...(user_id == null ? [] : [{ kind: 'user' as const, id: user_id }]),
  ];
  const [topic, another] = topics;
  if (topic === undefined || another !== undefined) {
    const reason = 'must be there, or conversation_id or user_id in its place, and one of them only';
    throw invalidFields([{ field: 'message_id', reason }]);
  }
  return topic;
}
