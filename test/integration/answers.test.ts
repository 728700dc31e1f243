import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { CHUNKS_STREAM, wantedStreams } from '../../src/broker/streams.js';
import type { AnswerChunk, CompletionNotice } from '../../src/dispatch/answers/answers.port.js';
import { InProcessAnswers } from '../../src/dispatch/answers/nats/in-process-answers.js';
import { NatsAnswerListener } from '../../src/dispatch/answers/nats/nats-answer-listener.js';
import { NatsAnswerPublisher } from '../../src/dispatch/answers/nats/nats-answer-publisher.js';
import type { TerminalEvent } from '../../src/domain/message/message.events.js';
import { eventually } from '../support/eventually.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

let server: TestNats;
let workerSide: NatsConnection;
let clientSide: NatsConnection;
let publisher: NatsAnswerPublisher;
let listener: NatsAnswerListener;
let ids = 0;

const newId = () => {
  ids += 1;
  return `message-${ids}`;
};
const chunk = (seq: number, attempt = 1, delivery?: number): AnswerChunk => ({
  seq,
  attempt,
  ...(delivery === undefined ? {} : { delivery }),
  delta: { content: `${attempt}/${seq} 🌍` },
});
const chunks = (from: number, to: number, attempt = 1) =>
  Array.from({ length: to - from + 1 }, (_, index) => chunk(from + index, attempt));

const connection = (port = server.port) =>
  connect({
    servers: `nats://127.0.0.1:${port}`,
    user: server.user,
    pass: server.password,
    reconnectTimeWait: 50,
    maxReconnectAttempts: -1,
  });

beforeAll(async () => {
  server = await startTestNats();
  [workerSide, clientSide] = await Promise.all([connection(), connection()]);
  const manager = await jetstreamManager(workerSide);
  const stream = wantedStreams({ replicas: 1, idempotencyTtlMs: 86_400_000 }).find(
    ({ name }) => name === CHUNKS_STREAM,
  );
  await manager.streams.add(stream!);
  publisher = new NatsAnswerPublisher(workerSide, new InProcessAnswers());
  listener = new NatsAnswerListener(clientSide, new InProcessAnswers());
});
afterAll(async () => {
  listener.close();
  await Promise.all([workerSide.close(), clientSide.close()]);
  await server.stop();
});

/** Reads in the background what a listener is given. */
function collect(id: string, signal: AbortSignal): { got: AnswerChunk[]; ended: Promise<void> } {
  const got: AnswerChunk[] = [];
  const feed = listener.chunks(id, signal);
  const read = async () => {
    for await (const each of feed) got.push(each);
  };
  return { got, ended: read() };
}

function publish(id: string, each: readonly AnswerChunk[]): void {
  for (const one of each) publisher.chunk(id, one, true);
}

/** Cuts the connection, and resolves when it is away; it comes back by itself. */
async function cut(nats: NatsConnection): Promise<void> {
  const away = statusOf(nats, 'disconnect');
  await nats.reconnect();
  await away;
}

async function statusOf(nats: NatsConnection, wanted: string): Promise<void> {
  for await (const { type } of nats.status()) if (type === wanted) return;
}

/** The client counts its subscriptions, but tells nobody; the server only tells after a while. */
function openSubscriptions(nats: NatsConnection): number {
  return (
    nats as unknown as { protocol: { subscriptions: { size(): number } } }
  ).protocol.subscriptions.size();
}

/** A way to the server that can be cut for one connection alone. */
async function startWire(to: number) {
  let whole = true;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    if (!whole) return void near.destroy();
    const far = createConnection(to, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (proxy.address() as AddressInfo).port,
    cut,
    mend: () => {
      whole = true;
    },
    close: async () => {
      cut();
      proxy.close();
    },
  };
}

describe('chunks', () => {
  it('reach every listener in order, and end with the signal', async () => {
    const id = newId();
    const stop = new AbortController();
    const listeners = [collect(id, stop.signal), collect(id, stop.signal)];
    await clientSide.flush();
    publish(id, chunks(1, 500));
    publisher.chunk(newId(), chunk(1), true);
    for (const { got } of listeners) await eventually(() => expect(got).toEqual(chunks(1, 500)));
    stop.abort();
    await Promise.all(listeners.map(({ ended }) => ended));
  });

  it('that came before the listener are given to it as soon as it hears of a later one', async () => {
    const id = newId();
    const stop = new AbortController();
    publish(id, chunks(1, 1_200));
    await workerSide.flush();
    const { got } = collect(id, stop.signal);
    await clientSide.flush();
    expect(got).toEqual([]);
    publish(id, chunks(1_201, 1_203));
    await eventually(() => expect(got).toEqual(chunks(1, 1_203)));
    stop.abort();
  });

  it('that a lost connection cost are read again, in their place', async () => {
    const id = newId();
    const stop = new AbortController();
    const { got } = collect(id, stop.signal);
    await clientSide.flush();
    publish(id, chunks(1, 10));
    await eventually(() => expect(got).toHaveLength(10));
    await cut(clientSide);
    publish(id, chunks(11, 60));
    await workerSide.flush();
    await clientSide.flush().catch(() => undefined);
    publish(id, chunks(61, 70));
    await eventually(() => expect(got).toEqual(chunks(1, 70)));
    stop.abort();
  });

  it('are found even when the last of all fell into the gap', async () => {
    const id = newId();
    const stop = new AbortController();
    const { got } = collect(id, stop.signal);
    await clientSide.flush();
    publish(id, chunks(1, 3));
    await eventually(() => expect(got).toHaveLength(3));
    await cut(clientSide);
    publish(id, chunks(4, 5));
    await eventually(() => expect(got).toEqual(chunks(1, 5)));
    stop.abort();
  });

  it('begin again with a new attempt, and with a new delivery of the same one', async () => {
    const id = newId();
    const stop = new AbortController();
    const { got } = collect(id, stop.signal);
    await clientSide.flush();
    publish(id, [...chunks(1, 2), chunk(1, 1, 2), chunk(3), chunk(1, 2), chunk(2, 1, 2), chunk(2, 2)]);
    const newest = [chunk(1, 2), chunk(2, 2)];
    await eventually(() => expect(got.slice(-2)).toEqual(newest));
    expect(got).not.toContainEqual(chunk(3));
    stop.abort();
  });

  it('that come close together are few publishes, of which the first is the first chunk alone', async () => {
    const id = newId();
    const payloads: string[] = [];
    const subscription = clientSide.subscribe(`llmq.chunks.${id}`, {
      callback: (_, message) => void payloads.push(message.string()),
    });
    const stop = new AbortController();
    const { got } = collect(id, stop.signal);
    await clientSide.flush();
    publish(id, chunks(1, 100));
    await eventually(() => expect(got).toEqual(chunks(1, 100)));
    expect(JSON.parse(payloads[0]!)).toEqual(chunk(1));
    expect(payloads.length).toBeLessThan(20);
    subscription.unsubscribe();
    stop.abort();
  });

  it('are all out before their message is told to be completed', async () => {
    const id = newId();
    const told: string[] = [];
    const hear = { callback: (_: unknown, { subject }: { subject: string }) => void told.push(subject) };
    const subscriptions = [`llmq.chunks.${id}`, `llmq.done.${id}`].map((subject) =>
      clientSide.subscribe(subject, hear),
    );
    await clientSide.flush();
    publish(id, chunks(1, 3));
    publisher.completed({ messageId: id, sequence: 1 });
    await eventually(() => expect(told.at(-1)).toBe(`llmq.done.${id}`));
    await sleep(50);
    expect(told.at(-1)).toBe(`llmq.done.${id}`);
    for (const subscription of subscriptions) subscription.unsubscribe();
  });

  it('are not held any longer when the call has ended', async () => {
    const id = newId();
    const inProcess = new InProcessAnswers();
    const here = new NatsAnswerPublisher(workerSide, inProcess);
    const got: AnswerChunk[] = [];
    const leave = inProcess.listen(`llmq.chunks.${id}`, (each) => void got.push(...each));
    for (const each of chunks(1, 3)) here.chunk(id, each, true);
    expect(got).toEqual([chunk(1)]);
    here.flush(id);
    expect(got).toEqual(chunks(1, 3));
    leave();
  });

  it('of a message that is not streamed go out only while somebody of the process listens', async () => {
    const inProcess = new InProcessAnswers();
    const here = new NatsAnswerPublisher(workerSide, inProcess);
    const payloads: string[] = [];
    const subscription = clientSide.subscribe('llmq.chunks.*', {
      callback: (_, message) => void payloads.push(message.subject),
    });
    await clientSide.flush();
    const [unheard, heard] = [newId(), newId()];
    const got: AnswerChunk[] = [];
    const leave = inProcess.listen(`llmq.chunks.${heard}`, (each) => void got.push(...each));
    for (const each of chunks(1, 3)) {
      here.chunk(unheard, each, false);
      here.chunk(heard, each, false);
    }
    await eventually(() => expect(got).toEqual(chunks(1, 3)));
    leave();
    here.chunk(heard, chunk(4), false);
    await workerSide.flush();
    await clientSide.flush();
    expect(new Set(payloads)).toEqual(new Set([`llmq.chunks.${heard}`]));
    expect(got).toEqual(chunks(1, 3));
    subscription.unsubscribe();
  });

  it('that are none are passed over', async () => {
    const id = newId();
    const stop = new AbortController();
    const { got } = collect(id, stop.signal);
    await clientSide.flush();
    for (const nonsense of ['', 'null', '{"seq":0}', '{"seq":1,"attempt":1,"delta":null}', '\ufffd']) {
      workerSide.publish(`llmq.chunks.${id}`, nonsense);
    }
    publish(id, [chunk(1)]);
    await eventually(() => expect(got).toEqual([chunk(1)]));
    stop.abort();
  });

  it('leave no subscription behind, however a listener ends', async () => {
    const before = openSubscriptions(clientSide);
    for (let round = 0; round < 50; round += 1) {
      const stop = new AbortController();
      listener.chunks(newId(), stop.signal);
      stop.abort();
    }
    listener.chunks(newId(), AbortSignal.abort());
    const id = newId();
    const feed = listener.chunks(id, new AbortController().signal);
    // The chunks come over another connection, and could overtake the subscription.
    await clientSide.flush();
    publish(id, chunks(1, 2));
    for await (const _ of feed) break;
    await eventually(() => expect(openSubscriptions(clientSide)).toBe(before));
  });

  it('of an id with a wildcard are refused', () => {
    expect(() => listener.chunks('*', new AbortController().signal)).toThrow(TypeError);
  });
});

/** Waits for a completion, and counts how often it was uncertain. */
function wait(
  on: NatsAnswerListener,
  id: string,
): {
  stop: AbortController;
  told: Promise<CompletionNotice | null>;
  doubts: () => number;
} {
  const stop = new AbortController();
  // So that a test which waits in vain fails and cleans up.
  setTimeout(() => stop.abort(), 30_000).unref();
  let doubts = 0;
  const told = on.completion(id, {
    signal: stop.signal,
    onUncertain: () => {
      doubts += 1;
    },
  });
  return { stop, told, doubts: () => doubts };
}

describe('a completion', () => {
  it('wakes everyone who waits for it, and nobody else', async () => {
    const id = newId();
    const waiting = [wait(listener, id), wait(listener, id)];
    const other = wait(listener, newId());
    await clientSide.flush();
    publisher.completed({ messageId: id, sequence: 42 });
    for (const { told } of waiting) expect(await told).toEqual({ messageId: id, sequence: 42 });
    other.stop.abort();
    expect(await other.told).toBeNull();
  });

  it('is known to whoever begins to wait just after it', async () => {
    const id = newId();
    publisher.completed({ messageId: id, sequence: 7 });
    await workerSide.flush();
    await clientSide.flush();
    expect(await wait(listener, id).told).toEqual({ messageId: id, sequence: 7 });
  });

  it('that came before the first wait of all makes the listener uncertain', async () => {
    const nats = await connection();
    try {
      const fresh = new NatsAnswerListener(nats, new InProcessAnswers());
      const waiting = wait(fresh, newId());
      await eventually(() => expect(waiting.doubts()).toBe(1));
      waiting.stop.abort();
    } finally {
      await nats.close();
    }
  });

  it('of a message that did not exist before makes nobody uncertain who listened first', async () => {
    const nats = await connection();
    try {
      const fresh = new NatsAnswerListener(nats, new InProcessAnswers());
      const id = newId();
      let doubts = 0;
      const stop = new AbortController();
      const told = fresh.completion(id, {
        signal: stop.signal,
        isNew: true,
        onUncertain: () => {
          doubts += 1;
        },
      });
      await nats.flush();
      await nats.flush();
      expect(doubts).toBe(0);
      publisher.completed({ messageId: id, sequence: 3 });
      expect(await told).toEqual({ messageId: id, sequence: 3 });
    } finally {
      await nats.close();
    }
  });

  it('is told with its event within the process that appended it, and without it elsewhere', async () => {
    const inProcess = new InProcessAnswers();
    const here = new NatsAnswerPublisher(workerSide, inProcess);
    const near = new NatsAnswerListener(workerSide, inProcess);
    const id = newId();
    const waiting = [wait(near, id), wait(listener, id)];
    await Promise.all([workerSide.flush(), clientSide.flush()]);
    const event = { type: 'llmq.message.cancelled.v1' } as TerminalEvent;
    here.completed({ messageId: id, sequence: 8, event });
    expect(await waiting[0]!.told).toEqual({ messageId: id, sequence: 8, event });
    expect(await waiting[1]!.told).toEqual({ messageId: id, sequence: 8 });
    near.close();
  });

  it('may be lost with the connection, and then the listener is told to look', async () => {
    const waiting = wait(listener, newId());
    await clientSide.flush();
    const before = waiting.doubts();
    await cut(clientSide);
    await eventually(() => expect(waiting.doubts()).toBeGreaterThan(before));
    waiting.stop.abort();
    expect(await waiting.told).toBeNull();
  });

  it("is said again when the worker's connection was away, which others can't notice", async () => {
    const wire = await startWire(server.port);
    const nats = await connection(wire.port);
    try {
      const distant = new NatsAnswerPublisher(nats, new InProcessAnswers());
      const id = newId();
      const waiting = wait(listener, id);
      await clientSide.flush();
      const away = statusOf(nats, 'disconnect');
      wire.cut();
      await away;
      distant.completed({ messageId: id, sequence: 99 });
      // Several tries to connect: each drops what was written since the one before.
      await sleep(500);
      wire.mend();
      expect(await waiting.told).toEqual({ messageId: id, sequence: 99 });
    } finally {
      await nats.close();
      await wire.close();
    }
  });

  it('of a signal that is aborted already is null', async () => {
    const options = { signal: AbortSignal.abort(), onUncertain: () => undefined };
    expect(await listener.completion(newId(), options)).toBeNull();
  });

  it('of an id with a wildcard is refused', async () => {
    await expect(wait(listener, 'a.*').told).rejects.toThrow(TypeError);
  });
});

describe('after a restart of the broker, which loses the chunks in its memory', () => {
  it('a listener gets no chunk out of order, is told to look, and gets the next attempt', async () => {
    const id = newId();
    const stop = new AbortController();
    const { got, ended } = collect(id, stop.signal);
    const waiting = wait(listener, id);
    await clientSide.flush();
    publish(id, chunks(1, 5));
    await eventually(() => expect(got).toHaveLength(5));
    const doubts = waiting.doubts();
    await server.kill();
    // Longer than the pause between two tries to connect: what is published meanwhile is lost for good.
    publish(id, chunks(6, 8));
    await sleep(300);
    await server.restart();
    await eventually(() => expect(waiting.doubts()).toBeGreaterThan(doubts));
    await eventually(() => workerSide.flush());
    publish(id, chunks(9, 12));
    await sleep(500);
    expect(got).toEqual(chunks(1, 5));
    publish(id, chunks(1, 3, 2));
    await eventually(() => expect(got).toEqual([...chunks(1, 5), ...chunks(1, 3, 2)]));
    publisher.completed({ messageId: id, sequence: 5 });
    expect(await waiting.told).toEqual({ messageId: id, sequence: 5 });
    stop.abort();
    await ended;
  });
});
