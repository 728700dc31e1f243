import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { DueWebhook } from '../../domain/webhook/due-webhook.state.js';
import type { OverdueWebhook } from './waiting-webhooks.js';
import { WebhookRelay } from './webhook-relay.js';

const due = (id: string): DueWebhook => ({ messageId: `m-${id}`, id, round: 1, tries: 0 });

/** The rows that wait, and what was put into the queue. */
function rig() {
  const rows: OverdueWebhook[] = [];
  const [put, queued, asked]: [string[], string[], string[]] = [[], [], []];
  const relay = new WebhookRelay({
    waiting: { overdue: async (_before, behind) => (behind === null ? [...rows] : []) },
    dues: {
      ids: async () => new Set(queued),
      has: async (id) => {
        asked.push(id);
        return put.includes(id);
      },
      set: async ({ id }) => void put.push(id),
    },
    sources: { nowMs: () => 0 },
    logger: pino({ enabled: false }),
  });
  const ended = new AbortController();
  const add = (id: string) => rows.push({ ...due(id), nextTryAt: '2026-01-01T00:00:00.000Z' });
  /** Lets what is under way go on, and no time pass. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const end = async () => {
    ended.abort();
    await relay.idle();
  };
  return { relay, rows, put, queued, asked, add, settled, end, signal: ended.signal };
}

describe('the relay of webhooks', () => {
  it('puts nothing in before the tables have what the log held at the start', async () => {
    const { relay, rows, put, add, settled, end, signal } = rig();
    add('told');
    relay.begin(0, 30, signal);
    await settled();
    relay.begun([due('told'), due('lost')], 10);
    relay.begun([], 29);
    await settled();
    expect(put).toEqual([]);
    rows.length = 0;
    add('lost');
    add('last');
    relay.begun([due('last')], 30);
    await settled();
    expect(put.sort()).toEqual(['last', 'lost']);
    relay.begun([due('new')], 31);
    await settled();
    expect(put.sort()).toEqual(['last', 'lost', 'new']);
    await end();
  });

  it('looks at once where the tables have all of it', async () => {
    const { relay, put, add, settled, end, signal } = rig();
    add('left');
    relay.begin(30, 30, signal);
    await settled();
    expect(put).toEqual(['left']);
    await end();
  });

  it('waits again when it begins anew behind the end', async () => {
    const { relay, put, settled, end, signal } = rig();
    relay.begin(0, 0, signal);
    relay.begin(10, 40, signal);
    relay.begun([due('told')], 20);
    await settled();
    expect(put).toEqual([]);
    await end();
  });

  it('asks for each by itself only where the queue does not name it', async () => {
    const { relay, put, queued, asked, add, settled, end, signal } = rig();
    for (const id of ['waits', 'lost']) add(id);
    queued.push('waits');
    relay.begin(1, 1, signal);
    await settled();
    expect(asked).toEqual(['lost']);
    expect(put).toEqual(['lost']);
    await end();
  });
});
