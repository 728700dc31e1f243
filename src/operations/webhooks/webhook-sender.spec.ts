import { describe, expect, it } from '@jest/globals';
import type { DueWebhook } from '../../domain/webhook/due-webhook.state.js';
import type { SendableWebhook } from '../../projection/read/webhook-reader.js';
import { WebhookSender } from './webhook-sender.js';

const TRIED_AT = '2026-01-01T00:00:00.000Z';
const due: DueWebhook = { messageId: 'm', id: 'w', round: 1, tries: 3 };

/** A sender over tables that say what the test wants, once they have reached the log's end and before. */
function rig(rows: { before: number; behind: number }, reaches = true) {
  const [put, appended]: [unknown[], unknown[]] = [[], []];
  let reached = false;
  const row = (tries: number) =>
    ({
      ...{ messageId: 'm', id: 'w', round: 1, tries, status: 'waiting', nextTryAt: TRIED_AT, tenant: 'red' },
      ...{ type: 'message.completed', createdAt: TRIED_AT, lane: 'normal', keyName: null },
      callback: { url: 'https://receiver.example/', named_by: 'message' },
    }) as unknown as SendableWebhook;
  const waitFor = async (sequence: number) => {
    expect(sequence).toBe(70);
    if (!reaches) throw new Error('the tables are behind');
    reached = true;
  };
  const sender = new WebhookSender(
    {
      append: async (events) => {
        appended.push(...events);
        return { firstSequence: 71 } as never;
      },
      extent: async () => ({ lastSequence: 70, missing: 0 }),
    },
    { sendable: async () => row(reached ? rows.behind : rows.before), waiting: async () => 1 },
    { waitFor: waitFor as never },
    { set: async (webhook, atMs) => void put.push([webhook, atMs]) },
    // Switched off, so that a try ends without a call.
    { isOff: () => true, switchOff: async () => undefined as never },
    { send: async () => expect(true).toBe(false) as never },
    { headers: () => null },
    { webhooks: { retry_times_ms: [] }, projection: { read_wait_ms: 1 } } as never,
    { nowMs: () => 0, steadyMs: () => 0, random: () => 0, newId: () => 'e' },
  );
  return { sender, put, appended };
}

describe('a webhook that is ahead of its row', () => {
  it('is tried when the tables have reached the end of the log, and its row with them', async () => {
    const { sender, put, appended } = rig({ before: 2, behind: 3 });
    await sender.send(due);
    expect(appended).toHaveLength(1);
    expect(put).toEqual([]);
  });

  it('goes on with the step of its row where the log has lost its own', async () => {
    const { sender, put, appended } = rig({ before: 2, behind: 2 });
    await sender.send(due);
    expect(appended).toEqual([]);
    expect(put).toEqual([[{ ...due, tries: 2 }, Date.parse(TRIED_AT)]]);
  });

  it('is handed out again where the tables do not come to the end', async () => {
    const { sender, put, appended } = rig({ before: 2, behind: 2 }, false);
    await expect(sender.send(due)).rejects.toThrow('the tables are behind');
    expect([...put, ...appended]).toEqual([]);
  });
});
