import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../domain/caller.js';
import { eraseMessages } from '../domain/erasure/erase-messages.decision.js';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { type ErasableByItself, ErasureReader } from '../projection/read/erasure-reader.js';
import { ProjectionBehindError } from '../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';
import { type RefusedError, refused } from './refusal.js';

const MOST_TRIES = 4;

/**
 * Takes a message away that has ended, with those that repeat it and hold the same content. From the event on nobody
 * reads it, whatever crashes, and the eraser takes it out of the log.
 */
@Injectable()
export class EraseMessage {
  constructor(
    @Inject(ErasureReader) private readonly reader: Pick<ErasureReader, 'withRepetitions'>,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * How many messages were erased. Resolves when it is durable and readers see it.
   *
   * @throws {RefusedError} `not_found`; `not_ended` while it, or one that repeats it, waits or runs
   * @throws {ProjectionBehindError} {LogUnavailableError} where it is not known in time what there is, or what became of it
   * @throws what `EventLog.append` throws
   */
  async erase(caller: Caller, id: string): Promise<number> {
    const { tenant } = caller;
    let erased = 0;
    // What was requeued, or lost its content, since it was read stays as it is: then it is decided on once more.
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const { lastSequence } = await this.log.extent();
      await this.reach(lastSequence);
      const messages = await this.reader.withRepetitions(tenant, id);
      if (messages.length === 0) {
        if (erased > 0) return erased;
        throw refused('not_found', `There is no message ${id}.`);
      }
      const open = messages.find((message) => message.open);
      if (open !== undefined) throw notEnded(open, id);
      await this.decide(caller, messages);
      erased = messages.length;
    }
    throw new ProjectionBehindError(await this.log.lastSequence());
  }

  private async decide({ tenant, name }: Caller, messages: readonly ErasableByItself[]): Promise<void> {
    const { nowMs, newId } = this.sources;
    const context = { subject: newId(), tenant, newId, now: new Date(nowMs()).toISOString() };
    const event = eraseMessages(context, { messages, part: 'message', by: name, reason: 'asked' });
    await this.log.append([event]);
  }

  private async reach(sequence: number): Promise<void> {
    const reached = await this.position.waitFor(sequence, this.config.projection.read_wait_ms);
    if (!reached) throw new ProjectionBehindError(sequence);
  }
}

function notEnded({ id }: ErasableByItself, asked: string): RefusedError {
  const which = id === asked ? `The message ${id}` : `The message ${id}, which repeats ${asked},`;
  return refused('not_ended', `${which} has not ended. Cancel it first: DELETE /api/v1/messages/${id}.`);
}
