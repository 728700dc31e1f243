import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
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

/**
 * Reads server-sent events one after the other, over a connection of its own: `fetch` would open another one in the place
 * of one that is cut, and a server that stops waits for it.
 */
export async function readLive(
  url: string,
  { after, headers = {} }: { after?: string | undefined; headers?: Record<string, string> } = {},
): Promise<LiveReading> {
  const sent = after === undefined ? headers : { ...headers, 'last-event-id': after };
  const asked = get(url, { headers: sent, agent: false });
  const [incoming] = (await once(asked, 'response')) as [IncomingMessage];
  const status = incoming.statusCode!;
  const stream =
    status === 204 ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array<ArrayBuffer>>);
  const response = new Response(stream, { status, headers: incoming.headers as Record<string, string> });
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
      await body?.cancel().catch(() => undefined);
      asked.destroy();
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
    for (let frame = await reading.next(); frame !== null; frame = await reading.next()) {
      this.take(frame);
      if (isLast(frame)) break;
    }
    await reading.cut();
    return reading;
  }
}
