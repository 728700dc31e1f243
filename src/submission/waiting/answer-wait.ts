import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import type { Caller } from '../../domain/caller.js';
import { isTerminal, type TerminalEvent } from '../../domain/message/message.events.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { MessageLookup } from '../message-lookup.js';
import { RefusedError, refused } from '../refusal.js';
import { CompletionSignal } from './completion-signal.js';
import { type Connection, WaitingRequests } from './waiting-requests.js';

const RETRY_MS = 1_000;

/** Waits for the end of a message. It sleeps until it is told, and never asks PostgreSQL over and over. */
@Injectable()
export class AnswerWait {
  constructor(
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    private readonly lookup: MessageLookup,
    private readonly waiting: WaitingRequests,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * For a client that reads a message: the message once it has ended; as it is then, when the time is over, the client
   * gone, or the service stopping.
   *
   * @throws {RefusedError} `too_many_waiting`, `too_many_of_key`, `service_stopping`
   */
  async find(
    { name, tenant }: Caller,
    id: string,
    waitMs: number,
    connection: Connection,
  ): Promise<MessageView | null> {
    const waiting = this.waiting.enter(connection, name);
    const timer = setTimeout(() => waiting.end(), waitMs);
    try {
      return await this.untilEnded(tenant, id, waiting.signal);
    } finally {
      clearTimeout(timer);
      waiting.leave();
    }
  }

  /** For a client that stays connected for the answer: the terminal event that counts; null when the signal aborts first. */
  ended(completion: CompletionSignal): Promise<TerminalEvent | null> {
    // A notice needs the log alone. A look needs the projection too, so a notice must never wait for a look.
    return Promise.race([this.told(completion), this.found(completion)]);
  }

  private async untilEnded(tenant: string, id: string, signal: AbortSignal): Promise<MessageView | null> {
    // First listen, then look: a message that ends in between is then seen by one of the two.
    let completion = new CompletionSignal(this.answers, id, signal);
    let view = await this.lookup.find(tenant, id);
    while (view !== null && !isTerminalStatus(view.status)) {
      const woken = await completion.next();
      if (woken === 'over') return this.lookup.find(tenant, id);
      const sequence = woken === 'uncertain' ? null : woken.sequence;
      view = await this.lookup.findAfter(sequence, tenant, id, signal);
      // It is alive behind its end: it was requeued, and has another end to come.
      if (sequence !== null) completion = new CompletionSignal(this.answers, id, signal, sequence);
    }
    return view;
  }

  private async told({ messageId, notice, signal }: CompletionSignal): Promise<TerminalEvent | null> {
    const told = await notice;
    if (told === null) return null;
    return told.event ?? this.persistently(() => this.terminalEvent(messageId, told.sequence), signal);
  }

  private async found(completion: CompletionSignal): Promise<TerminalEvent | null> {
    const { messageId, signal } = completion;
    const look = async () => {
      const state = await this.lookup.currentState(messageId, signal);
      if (state === null && (await this.lookup.isErased(messageId))) {
        throw refused('not_found', `The message ${messageId} was erased.`);
      }
      const sequence = state?.terminalSequence ?? null;
      return sequence === null ? null : this.terminalEvent(messageId, sequence);
    };
    while (!signal.aborted) {
      await completion.uncertain();
      const event = await this.persistently(look, signal);
      if (event !== null) return event;
    }
    return null;
  }

  private async terminalEvent(messageId: string, sequence: number): Promise<TerminalEvent> {
    const event = (await this.log.get(sequence))?.event;
    // What was asked for again under its key may have lost its answer meanwhile.
    if (event === undefined && (await this.lookup.isErased(messageId))) {
      throw refused('not_found', `The answer of message ${messageId} was erased.`);
    }
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
        if (error instanceof RefusedError) throw error;
        // Whatever is away tells so itself, once; those who wait may be thousands.
        this.logger.debug({ err: error }, 'could not read the end of a message; trying again');
        // Spread, since all who wait saw the same outage end.
        await sleep(RETRY_MS * (0.5 + this.sources.random()), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return null;
      }
    }
  }
}
