import type { AdmissionNote } from './admission-note.js';
import { AdmissionPeers } from './admission-peers.js';

const low = (count: number) => ({ realtime: 0, high: 0, normal: 0, low: count });
const note = (process: string, arrived: number, onTheirWay = 0): AdmissionNote => ({
  ...{ process, arrived: low(arrived), on_their_way: low(onTheirWay) },
});

function peers() {
  const clock = { nowMs: 0 };
  const sent: AdmissionNote[] = [];
  const channel = {
    announce: (one: AdmissionNote) => sent.push(structuredClone(one)),
    announceLeft: () => {},
    listen: () => () => {},
  };
  return { clock, sent, peers: new AdmissionPeers('me', channel, () => clock.nowMs) };
}

it('counts what others put into a lane since the broker was asked, and what is on its way', () => {
  const { peers: mine } = peers();
  mine.heard(note('other', 100, 2));
  expect(mine.notCounted('low')).toBe(2);
  mine.heard(note('other', 105, 3));
  expect(mine.notCounted('low')).toBe(8);
  mine.asked();
  expect(mine.notCounted('low')).toBe(3);
  expect(mine.notCounted('high')).toBe(0);
});

it('counts who is alive, without those that left or fell silent', () => {
  const { clock, peers: mine } = peers();
  expect(mine.processes).toBe(1);
  for (const name of ['a', 'b', 'me']) mine.heard(note(name, 1, 1));
  expect(mine.processes).toBe(3);
  mine.left('a');
  expect(mine.processes).toBe(2);
  clock.nowMs = 4_000;
  expect(mine.processes).toBe(1);
  expect(mine.notCounted('low')).toBe(0);
});

it('answers who is new to it, and tells its changes together', async () => {
  const { sent, peers: mine } = peers();
  mine.start();
  mine.heard(note('other', 1));
  mine.heard(note('other', 2));
  expect(sent).toHaveLength(2);
  const arrived = low(0);
  for (let count = 1; count <= 5; count += 1) {
    arrived.low = count;
    mine.changed(arrived, low(1));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(sent.slice(2)).toEqual([note('me', 5, 1)]);
  mine.stop();
});
