import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { WebSocket } from 'ws';
import { FrameClient } from './frame-client.js';

const MOST_AT_ONCE = 64;

/** A client whose socket gives frames even when it is paused, as the protocol's reader does with what it has. */
function rig() {
  const socket = Object.assign(new EventEmitter(), {
    ...{ readyState: 1, OPEN: 1, paused: false },
    pause: () => undefined,
    resume: () => undefined,
    send: () => undefined,
    close: () => undefined,
  });
  const raw = Object.assign(new EventEmitter(), { writableLength: 0 });
  const limits = {
    max_frames_per_second: 1_000,
    max_buffered_bytes: 1e6,
    max_frame_bytes: 1e6,
    max_waiting_bytes: 1e6,
  };
  const request = { socket: raw } as unknown as IncomingMessage;
  const client = new FrameClient(socket as unknown as WebSocket, request, {}, limits, () => 0);
  const underWay: { name: string; settle(): void }[] = [];
  client.onFrame((json) => new Promise<void>((settle) => underWay.push({ name: json.toString(), settle })));
  const frame = (name: string) => socket.emit('message', Buffer.from(name), false);
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { client, frame, underWay, settled };
}

describe('the frames of a client', () => {
  it('that come at once are carried out in turn, and not more together than may be', async () => {
    const { client, frame, underWay, settled } = rig();
    const names = Array.from({ length: 200 }, (_, at) => `${at}`);
    for (const name of names) frame(name);
    expect(underWay).toHaveLength(MOST_AT_ONCE);
    for (let done = 0; done < names.length; done += 1) {
      underWay[done]!.settle();
      await settled();
      expect(underWay.length - done - 1).toBeLessThanOrEqual(MOST_AT_ONCE);
    }
    expect(underWay.map(({ name }) => name)).toEqual(names);
    expect(client.quiet).toBe(true);
  });

  it('that wait are dropped when it is closed', async () => {
    const { client, frame, underWay, settled } = rig();
    for (let at = 0; at < 100; at += 1) frame(`${at}`);
    client.close('service_stopping');
    for (const { settle } of [...underWay]) settle();
    await settled();
    expect(underWay).toHaveLength(MOST_AT_ONCE);
    expect(client.quiet).toBe(true);
  });
});
