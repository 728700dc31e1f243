import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import type { EventLog } from '../event-log/event-log.port.js';
import type { MessageState } from '../message/message.state.js';
import { EVENT_LOG } from '../platform/tokens.js';
import {
  MESSAGE_READER,
  type MessageReader,
  type MessageView,
  PROJECTION_POSITION,
  type ProjectionPosition,
} from '../projection/message-reader.port.js';

/** Reads of single messages that see what was written before them. */
@Injectable()
export class MessageLookup {
  constructor(
    @Inject(MESSAGE_READER) private readonly reader: MessageReader,
    @Inject(PROJECTION_POSITION) private readonly position: ProjectionPosition,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * A message of the tenant's. Where there is none, the projection may only be behind the 202 that the client has
   * already: it gets `projection.read_wait_ms` to catch up with the log before this answers null.
   */
  async find(tenant: string, id: string): Promise<MessageView | null> {
    const known = await this.reader.find(tenant, id);
    return known ?? this.findCurrent(tenant, id);
  }

  /** The message as it is after the event at `sequence`, or as far as the projection gets in `timeoutMs`. */
  async findAfter(
    sequence: number,
    tenant: string,
    id: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<MessageView | null> {
    await this.position.waitFor(sequence, timeoutMs, signal);
    return this.reader.find(tenant, id);
  }

  /** The message after all that the log holds now, or as far as the projection gets in `projection.read_wait_ms`. */
  async findCurrent(tenant: string, id: string): Promise<MessageView | null> {
    await this.catchUp();
    return this.reader.find(tenant, id);
  }

  /** The fold's state after all that the log holds now. */
  async currentState(id: string): Promise<MessageState | null> {
    await this.catchUp();
    return this.reader.state(id);
  }

  private async catchUp(): Promise<void> {
    await this.position.waitFor(await this.log.lastSequence(), this.config.projection.read_wait_ms);
  }
}
