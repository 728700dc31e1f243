import { Inject, Injectable } from '@nestjs/common';
import { type MessageStanding, MessageStandings } from '../../projection/read/message-standings.js';

const MOST_AT_ONCE = 1_000;

interface Asked {
  readonly resolve: (standing: MessageStanding | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads of where messages stand for all followers of the process: those that come while one is under way share the next. */
@Injectable()
export class StandingReads {
  private asked = new Map<string, Asked[]>();
  private running = false;

  constructor(@Inject(MessageStandings) private readonly standings: Pick<MessageStandings, 'of'>) {}

  /** Null where the tables do not know it. Of any tenant. */
  read(messageId: string): Promise<MessageStanding | null> {
    return new Promise((resolve, reject) => {
      const others = this.asked.get(messageId);
      if (others === undefined) this.asked.set(messageId, [{ resolve, reject }]);
      else others.push({ resolve, reject });
      if (!this.running) void this.answerAll();
    });
  }

  private async answerAll(): Promise<void> {
    this.running = true;
    // What is asked for in the same turn of the loop goes together.
    await Promise.resolve();
    while (this.asked.size > 0) {
      const asked = [...this.asked].slice(0, MOST_AT_ONCE);
      for (const [id] of asked) this.asked.delete(id);
      try {
        const found = await this.standings.of(asked.map(([id]) => id));
        for (const [id, those] of asked) for (const { resolve } of those) resolve(found.get(id) ?? null);
      } catch (error) {
        for (const [, those] of asked) for (const { reject } of those) reject(error);
      }
    }
    this.running = false;
  }
}
