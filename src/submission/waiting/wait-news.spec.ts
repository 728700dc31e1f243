import { setTimeout as sleep } from 'node:timers/promises';
import type { LanePosition } from '../../projection/read/lane-positions.js';
import { WaitNews } from './wait-news.js';

const waiting = (id: string, more: Partial<LanePosition> = {}): LanePosition => ({
  ...{ id, status: 'pending', priority: 'low', model: null, held: false, position: 3, ...more },
});

function newsOf(read: (ids: readonly string[]) => Promise<LanePosition[]>, paused: readonly string[] = []) {
  const asked: (readonly string[])[] = [];
  const news = new WaitNews(
    {
      of: async (ids) => {
        asked.push(ids);
        return new Map((await read(ids)).map((each) => [each.id, each]));
      },
    },
    { isBusyEverywhere: (model) => model === 'busy' },
    { isPaused: (lane) => paused.includes(lane) },
    { defaultModel: 'default' },
    { steadyMs: () => performance.now(), nowMs: () => 0 },
  );
  return { news, asked };
}

describe('WaitNews', () => {
  it('asks once for all that want to know at about the same time', async () => {
    const { news, asked } = newsOf(async (ids) => ids.map((id) => waiting(id)));
    const told = await Promise.all(['a', 'b', 'a'].map((id) => news.of(id)));
    expect(asked).toEqual([['a', 'b']]);
    for (const state of told) expect(state?.wait).toEqual({ position: 3, waitingFor: 'slot' });
  });

  it('tells what each waits for', async () => {
    const rows = [
      waiting('slot'),
      waiting('endpoint', { model: 'busy' }),
      waiting('turn', { held: true, position: null }),
      waiting('schedule', { status: 'scheduled', position: null }),
      waiting('far', { position: null }),
      waiting('running', { status: 'processing', position: null }),
    ];
    const { news } = newsOf(async () => rows);
    const told = await Promise.all(rows.map(({ id }) => news.of(id)));
    expect(told.map((state) => [state?.wait.position, state?.wait.waitingFor])).toEqual([
      ...[
        [3, 'slot'],
        [3, 'endpoint'],
        [null, 'turn'],
        [null, 'schedule'],
      ],
      ...[
        [null, 'slot'],
        [null, null],
      ],
    ]);
    const { news: paused } = newsOf(async () => rows, ['low']);
    expect((await paused.of('slot'))?.wait.waitingFor).toBe('paused');
  });

  it('says nothing of a message that is not there, nor while the tables can not be read', async () => {
    expect(await newsOf(async () => []).news.of('a')).toBeNull();
    const { news } = newsOf(() => Promise.reject(new Error('away')));
    expect(await news.of('a')).toBeNull();
    expect(await news.of('a')).toBeNull();
  });

  it('leaves the tables alone for longer than a query took', async () => {
    const reads: { beganMs: number; endedMs: number }[] = [];
    const { news, asked } = newsOf(async (ids) => {
      const beganMs = performance.now();
      await sleep(100);
      reads.push({ beganMs, endedMs: performance.now() });
      return ids.map((id) => waiting(id));
    });
    await news.of('a');
    await Promise.all([news.of('b'), news.of('c')]);
    expect(reads[1]!.beganMs - reads[0]!.endedMs).toBeGreaterThan(850);
    expect(asked).toEqual([['a'], ['b', 'c']]);
  });
});
