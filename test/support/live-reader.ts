import { createParser } from 'eventsource-parser';
import { JoinedAnswer } from '../../src/domain/message/joined-answer.policy.js';

export interface LiveFrame {
  readonly id: string | undefined;
  readonly event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of several shapes.
  readonly data: any;
}

export interface LiveReading {
  readonly response: Response;
  /** Null at the end of the stream. */
  next(): Promise<LiveFrame | null>;
  /** All events up to the one that it is true for; to the end where it is true for none. */
  until(isLast: (frame: LiveFrame) => boolean): Promise<LiveFrame[]>;
  /** What came besides events. */
  readonly comments: string[];
  readonly retries: number[];
  cut(): Promise<void>;
}

/** Reads server-sent events with `fetch`, one after the other. */
export async function readLive(
  url: string,
  { after, headers = {} }: { after?: string | undefined; headers?: Record<string, string> } = {},
): Promise<LiveReading> {
  const gone = new AbortController();
  const sent = after === undefined ? headers : { ...headers, 'last-event-id': after };
  const response = await fetch(url, { headers: sent, signal: gone.signal });
  const ready: LiveFrame[] = [];
  const comments: string[] = [];
  const retries: number[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => ready.push({ id, event, data: JSON.parse(data) }),
    onComment: (comment) => comments.push(comment),
    onRetry: (ms) => retries.push(ms),
  });
  const body = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async (): Promise<LiveFrame | null> => {
    for (;;) {
      const frame = ready.shift();
      if (frame !== undefined) return frame;
      const part = await body?.read();
      if (part === undefined || part.done) return ready.shift() ?? null;
      parser.feed(part.value);
    }
  };
  return {
    ...{ response, next, comments, retries },
    until: async (isLast) => {
      const frames: LiveFrame[] = [];
      for (let frame = await next(); frame !== null; frame = await next()) {
        frames.push(frame);
        if (isLast(frame)) break;
      }
      return frames;
    },
    cut: async () => {
      gone.abort();
      await body?.cancel().catch(() => undefined);
    },
  };
}

/** What a client of a stream keeps: the last id, and of each message the pieces since the last restart, joined. */
export class LiveClient {
  after: string | undefined;
  readonly frames: LiveFrame[] = [];
  private readonly answers = new Map<string, JoinedAnswer>();

  take(frame: LiveFrame): void {
    this.frames.push(frame);
    this.after = frame.id ?? this.after;
    const { type, message_id: id, delta } = frame.data;
    if (type === 'restart') this.answers.delete(id);
    if (type !== 'piece') return;
    const answer = this.answers.get(id) ?? new JoinedAnswer();
    answer.add(delta);
    this.answers.set(id, answer);
  }

  of(type: string, messageId?: string): LiveFrame[] {
    return this.frames.filter(
      ({ data }) => data.type === type && (messageId === undefined || data.message_id === messageId),
    );
  }

  answer(messageId: string, choice = 0): Record<string, unknown> | undefined {
    return this.answers.get(messageId)?.message(choice);
  }

  text(messageId: string): unknown {
    return this.answer(messageId)?.['content'] ?? null;
  }

  /** Reads on from where it stands, up to an event, or to the end. */
  async read(
    url: string,
    isLast: (frame: LiveFrame) => boolean,
    headers: Record<string, string> = {},
  ): Promise<LiveReading> {
    const reading = await readLive(url, { after: this.after, headers });
    for (const frame of await reading.until(isLast)) this.take(frame);
    await reading.cut();
    return reading;
  }
}
