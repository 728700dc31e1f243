import { Inject, Injectable } from '@nestjs/common';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { Doorbell } from '../../submission/doorbell.js';
import { MessageLookup } from '../../submission/message-lookup.js';
import { type Connection, WaitingRequests } from '../../submission/waiting-requests.js';

/** Holds a read of a message until the message has ended. It sleeps until it is told, and never asks PostgreSQL over and over. */
@Injectable()
export class LongPoll {
  constructor(
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    private readonly lookup: MessageLookup,
    private readonly waiting: WaitingRequests,
  ) {}

  /**
   * The message once it has ended; as it is then, when the time is over, the client gone, or the service stopping.
   *
   * @throws {RefusedError} `too_many_waiting`
   */
  async find(
    tenant: string,
    id: string,
    waitMs: number,
    connection: Connection,
  ): Promise<MessageView | null> {
    const waiting = this.waiting.enter(connection);
    const timer = setTimeout(() => waiting.end(), waitMs);
    try {
      return await this.untilEnded(tenant, id, waiting.signal);
    } finally {
      clearTimeout(timer);
      waiting.leave();
    }
  }

  private async untilEnded(tenant: string, id: string, signal: AbortSignal): Promise<MessageView | null> {
    // First listen, then look: a message that ends in between is then seen by one of the two.
    let doorbell = new Doorbell(this.answers, id, signal);
    let view = await this.lookup.find(tenant, id);
    while (view !== null && !isTerminalStatus(view.status)) {
      const woken = await doorbell.ring();
      if (woken === 'over') return this.lookup.find(tenant, id);
      const sequence = woken === 'uncertain' ? null : woken.sequence;
      view = await this.lookup.findAfter(sequence, tenant, id, signal);
      // It is alive behind its end: it was requeued, and has another end to come.
      if (sequence !== null) doorbell = new Doorbell(this.answers, id, signal, sequence);
    }
    return view;
  }
}
