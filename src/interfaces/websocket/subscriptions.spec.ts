import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import type { LiveFeeds } from '../../submission/live/live-feeds.js';
import type { FrameClient } from './frame-client.js';
import { Subscriptions } from './subscriptions.js';

const caller = { tenant: 'red', name: 'ann' } as never;
const topic = { kind: 'user', id: 'ann' } as const;

/** Feeds that are open once the test says so, and how many of them nobody has ended. */
function rig() {
  const followed: { signal: AbortSignal; opens(): void; fails(): void }[] = [];
  let running = 0;
  const follow: LiveFeeds['follow'] = (_caller, _topic, { signal }) =>
    new Promise((resolve, reject) => {
      const end = new AbortController();
      const close = () => end.abort();
      signal.addEventListener('abort', close);
      end.signal.addEventListener('abort', () => {
        running -= 1;
      });
      async function* events() {
        while (!end.signal.aborted) {
          await new Promise((over) => end.signal.addEventListener('abort', over));
        }
        yield* [];
      }
      running += 1;
      followed.push({
        signal,
        opens: () => resolve({ isOver: false, close, [Symbol.asyncIterator]: events }),
        fails: () => reject(new Error('not now')),
      });
    });
  const websocket = { max_subscriptions: 10, max_subscriptions_per_key: 3 };
  const config = { server: { websocket } } as ServiceConfig;
  const subscriptions = new Subscriptions({ follow } as LiveFeeds, config, pino({ enabled: false }));
  return { subscriptions, followed, running: () => running };
}

function client(owner = 'ann') {
  const sent: object[] = [];
  const subscriptions: FrameClient['subscriptions'] = new Map();
  const state = { open: true, quiet: false, admission: { owner } };
  const events = new EventEmitter();
  const send = (frame: object) => void sent.push(frame);
  return Object.assign(state as unknown as FrameClient, { sent, subscriptions, events, send });
}

const wanted = (name: string) => ({ name, topic, after: undefined });

describe('a subscription', () => {
  it('is not opened for a client that has left', async () => {
    const { subscriptions, followed } = rig();
    const gone = Object.assign(client(), { open: false });
    await subscriptions.open(gone, caller, wanted('one'));
    expect(followed).toEqual([]);
    expect(gone.subscriptions.size).toBe(0);
  });

  it('whose client leaves while it is opened follows nothing', async () => {
    const { subscriptions, followed, running } = rig();
    const leaving = client();
    const opening = subscriptions.open(leaving, caller, wanted('one'));
    leaving.subscriptions.get('one')!.end();
    followed[0]!.opens();
    await opening;
    expect(running()).toBe(0);
    expect(leaving.subscriptions.size).toBe(0);
  });

  it('that is ended while it is opened is not answered, and its name is free', async () => {
    const { subscriptions, followed } = rig();
    const fickle = client();
    for (const outcome of ['opens', 'fails'] as const) {
      const first = subscriptions.open(fickle, caller, wanted('one'));
      fickle.subscriptions.get('one')!.end();
      const second = subscriptions.open(fickle, caller, wanted('one'));
      followed.at(-2)![outcome]();
      await first;
      expect(fickle.sent).toEqual([]);
      followed.at(-1)!.opens();
      await second;
      expect(fickle.sent.splice(0)).toEqual([
        { type: 'subscribed', request_id: 'one', subscription: 'one', over: false },
      ]);
      expect(fickle.subscriptions.size).toBe(1);
      fickle.subscriptions.get('one')!.end();
    }
  });

  it('is one of those that its key may have over all its WebSockets, and makes room when it ends', async () => {
    const { subscriptions, followed } = rig();
    const [one, other] = [client(), client()];
    const open = async (by: FrameClient, name: string) => {
      const opening = subscriptions.open(by, caller, wanted(name));
      followed.at(-1)?.opens();
      await opening;
    };
    await open(one, 'a');
    await open(one, 'b');
    await open(other, 'a');
    await expect(open(other, 'b')).rejects.toMatchObject({ code: 'limit_reached' });
    await open(client('otto'), 'a');
    one.subscriptions.get('a')!.end();
    await open(other, 'b');
    await expect(open(one, 'c')).rejects.toMatchObject({ code: 'limit_reached' });
  });
});
