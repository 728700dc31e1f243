import { Inject, Injectable } from '@nestjs/common';
import type { MessageState } from '../domain/message/message.state.js';
import { type TraceContext, traceOf, UNTRACED } from '../domain/trace-context.policy.js';
import type { EventLog } from '../log/event-log.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { MessageReader } from '../projection/read/message-reader.js';
import type { MessageView } from '../projection/read/message-view.js';
import { ProjectionBehindError } from '../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';
import { idempotencyInProgress } from './refusal.js';

/** Reads of single messages that see what was written before them. */
@Injectable()
export class MessageLookup {
  constructor(
    @Inject(MessageReader) private readonly reader: MessageReader,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * A message of the tenant's. Where there is none, the projection may only be behind the 202 that the client has
   * already: it gets `projection.read_wait_ms` to catch up with the log before this answers null. A NATS server that was
   * cut off does not know the log's end, and is not believed.
   *
   * @throws {ProjectionBehindError} {LogUnavailableError} when the end is not reached, or not known: the message may well
   *   be there
   */
  async find(tenant: string, id: string): Promise<MessageView | null> {
    const known = await this.reader.find(tenant, id);
    if (known !== null) return known;
    const { lastSequence: last } = await this.log.extent();
    const reached = await this.position.waitFor(last, this.config.projection.read_wait_ms);
    const found = await this.reader.find(tenant, id);
    if (found === null && !reached) throw new ProjectionBehindError(last);
    return found;
  }

  /**
   * Those of these messages that are the tenant's, with what the log holds now.
   *
   * @throws {ProjectionBehindError} {LogUnavailableError} when it is not known in time of all of them
   */
  async ownOf(tenant: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const known = await this.reader.ownOf(tenant, ids);
    if (known.size === ids.length) return known;
    const { lastSequence: last } = await this.log.extent();
    const reached = await this.position.waitFor(last, this.config.projection.read_wait_ms);
    const found = await this.reader.ownOf(tenant, ids);
    if (found.size < ids.length && !reached) throw new ProjectionBehindError(last);
    return found;
  }

  /** The message as it is after the event at `sequence` (the log's newest when null), or when the signal aborts first. */
  async findAfter(
    sequence: number | null,
    tenant: string,
    id: string,
    signal: AbortSignal,
  ): Promise<MessageView | null> {
    await this.reach(sequence ?? (await this.log.lastSequence()), signal);
    return this.reader.find(tenant, id);
  }

  /** How the message had ended by the event at `sequence`; null when it had not, or the signal aborts first. */
  async endAfter(
    sequence: number,
    tenant: string,
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly view: MessageView; readonly terminalSequence: number } | null> {
    await this.reach(sequence, signal);
    const terminalSequence = (await this.reader.state(id))?.terminalSequence ?? null;
    const view = await this.reader.find(tenant, id);
    return view === null || terminalSequence === null ? null : { view, terminalSequence };
  }

  /** Whether it was erased, or its content was. */
  isErased(id: string): Promise<boolean> {
    return this.reader.isErased(id);
  }

  /** Those of these messages that were erased as a whole. */
  erased(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.reader.erased(ids);
  }

  /** The fold's state after all that the log holds now. */
  async currentState(id: string, signal: AbortSignal): Promise<MessageState | null> {
    await this.reach(await this.log.lastSequence(), signal);
    return this.reader.state(id);
  }

  /**
   * Those of these messages that the log holds now.
   *
   * @throws {RefusedError} `idempotency_in_progress` when the projection does not catch up in time
   */
  async stored(ids: readonly string[]): Promise<ReadonlyMap<string, MessageState>> {
    const { lastSequence: sequence } = await this.log.extent();
    if (!(await this.position.waitFor(sequence, this.config.projection.read_wait_ms))) {
      throw idempotencyInProgress();
    }
    return this.reader.states(ids);
  }

  /** The trace that a message is in; none where nobody knows it any more. */
  async traceOf(id: string): Promise<TraceContext> {
    const state = await this.reader.state(id);
    const received = state === null ? null : await this.log.get(state.receivedSequence);
    return received === null ? UNTRACED : traceOf(received.event);
  }

  private async reach(sequence: number, signal: AbortSignal): Promise<void> {
    const timeoutMs = this.config.projection.read_wait_ms;
    let reached = false;
    while (!reached && !signal.aborted) reached = await this.position.waitFor(sequence, timeoutMs, signal);
  }
}
