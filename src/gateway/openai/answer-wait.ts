import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EventLog } from '../../event-log/event-log.port.js';
import { isTerminal, type TerminalEvent } from '../../message/message.events.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import type { Doorbell } from '../doorbell.js';
import { MessageLookup } from '../message-lookup.js';

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
  async ended(messageId: string, doorbell: Doorbell, signal: AbortSignal): Promise<TerminalEvent | null> {
    while (!signal.aborted) {
      const woken = await doorbell.ring();
      if (woken === 'over') return null;
      const told = woken === 'uncertain' ? null : woken.sequence;
      const look = () => this.terminalEvent(messageId, told, signal);
      const event = await this.persistently(look, signal);
      if (event !== null) return event;
    }
    return null;
  }

  /** Null while the message lives. */
  private async terminalEvent(
    messageId: string,
    told: number | null,
    signal: AbortSignal,
  ): Promise<TerminalEvent | null> {
    const sequence = told ?? (await this.lookup.currentState(messageId, signal))?.terminalSequence ?? null;
    if (sequence === null) return null;
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
        this.logger.warn({ err: error }, 'could not read the end of a message; trying again');
        // Spread, since all who wait saw the same outage end.
        await sleep(RETRY_MS * (0.5 + this.sources.random()), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return null;
      }
    }
  }
}
