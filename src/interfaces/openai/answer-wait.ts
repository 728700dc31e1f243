import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { isTerminal, type TerminalEvent } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import type { Doorbell } from '../../submission/doorbell.js';
import { MessageLookup } from '../../submission/message-lookup.js';

const RETRY_MS = 1_000;

/** Waits for the end of a message whose client is connected, and reads it from the log. */
@Injectable()
export class AnswerWait {
  constructor(
    private readonly lookup: MessageLookup,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The terminal event that counts; null when the signal aborts first. */
  ended(messageId: string, doorbell: Doorbell, signal: AbortSignal): Promise<TerminalEvent | null> {
    // Being told needs the log alone. A look needs the projection too, and must keep nobody from being told.
    return Promise.race([this.told(messageId, doorbell, signal), this.found(messageId, doorbell, signal)]);
  }

  private async told(
    messageId: string,
    doorbell: Doorbell,
    signal: AbortSignal,
  ): Promise<TerminalEvent | null> {
    const notice = await doorbell.notice;
    if (notice === null) return null;
    return this.persistently(() => this.terminalEvent(messageId, notice.sequence), signal);
  }

  private async found(
    messageId: string,
    doorbell: Doorbell,
    signal: AbortSignal,
  ): Promise<TerminalEvent | null> {
    const look = async () => {
      const state = await this.lookup.currentState(messageId, signal);
      const sequence = state?.terminalSequence ?? null;
      return sequence === null ? null : this.terminalEvent(messageId, sequence);
    };
    while (!signal.aborted) {
      await doorbell.uncertain();
      const event = await this.persistently(look, signal);
      if (event !== null) return event;
    }
    return null;
  }

  private async terminalEvent(messageId: string, sequence: number): Promise<TerminalEvent> {
    const event = (await this.log.get(sequence))?.event;
    if (event === undefined || event.subject !== messageId || !isTerminal(event)) {
      throw new Error(`Sequence ${sequence} is not the end of message ${messageId}`);
    }
    return event;
  }

  /** The message is safe whatever fails here, and its client waits: an outage of the servers is waited out as well. */
  private async persistently<T>(look: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
    for (;;) {
      try {
        return await look();
      } catch (error) {
        if (signal.aborted) return null;
        // Whatever is away tells so itself, once; those who wait may be thousands.
        this.logger.debug({ err: error }, 'could not read the end of a message; trying again');
        // Spread, since all who wait saw the same outage end.
        await sleep(RETRY_MS * (0.5 + this.sources.random()), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return null;
      }
    }
  }
}
