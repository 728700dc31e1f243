import { describe, expect, it } from '@jest/globals';
import type { AdminEvent } from '../domain/admin/admin.events.js';
import { cloudEvent } from '../domain/cloud-event.events.js';
import { conversationEvent } from '../domain/conversation/conversation.events.js';
import { ExplainedGaps } from './explained-gaps.js';
import { InMemoryEventLog } from './in-memory/in-memory-event-log.js';

const about = { subject: 'c', tenant: 'default', now: '2026-01-01T00:00:00.000Z', newId: () => 'e' };
const erased = () =>
  conversationEvent(about, 'llmq.conversation.erased.v1', { by: 'ann', reason: 'wish', messages: 0 });
const begun = (first: number, last: number) =>
  conversationEvent(about, 'llmq.conversation.erasure-begun.v1', { sequences: [[first, last]] });
const finished = (upTo: number) =>
  conversationEvent(about, 'llmq.conversation.erasure-finished.v1', { up_to_sequence: upTo, events: 1 });
const accepted = (first: number, last: number) =>
  cloudEvent(about, 'llmq.admin.log-loss-accepted.v1', {
    sequences: [[first, last]],
    ...{ tables_up_to: null, log_ended_at: 9, by: 'ann' },
  }) as AdminEvent;

const never = new AbortController().signal;

async function explained(log: InMemoryEventLog, gaps = new ExplainedGaps()) {
  const missing = await log.missingRecords();
  await gaps.refresh(log, never);
  return gaps.unexplained(missing);
}

describe('gaps of the log', () => {
  it('are explained by erasures that named their records, whatever came later', async () => {
    const log = new InMemoryEventLog();
    for (let at = 0; at < 4; at += 1) await log.append([erased()]);
    await log.append([begun(4, 5)]);
    await log.erase([4, 6]);
    expect(await explained(log)).toEqual([{ from: 3, to: 3 }]);
    await log.append([finished(5)]);
    expect(await explained(log)).toEqual([{ from: 3, to: 3 }]);
  });

  it('are excused up to the end of an erasure of an earlier version, which named none', async () => {
    const log = new InMemoryEventLog();
    for (let at = 0; at < 4; at += 1) await log.append([erased()]);
    await log.append([finished(5)]);
    await log.erase([4, 8]);
    expect(await explained(log)).toEqual([{ from: 4, to: 4 }]);
  });

  it('are explained by a person who went on without them, from the next look on', async () => {
    const log = new InMemoryEventLog();
    const gaps = new ExplainedGaps();
    for (let at = 0; at < 4; at += 1) await log.append([erased()]);
    await log.erase([4, 6]);
    expect(await explained(log, gaps)).toEqual([{ from: 2, to: 3 }]);
    expect(gaps.hasAcceptedLoss).toBe(false);
    await log.append([accepted(4, 5)]);
    expect(await explained(log, gaps)).toEqual([{ from: 3, to: 3 }]);
    expect([gaps.hasAcceptedLoss, gaps.unexplainedIn({ from: 2, to: 2 })]).toEqual([true, []]);
    // Another log says nothing of this one's explanations.
    expect(await explained(new InMemoryEventLog(), gaps)).toEqual([]);
    expect(gaps.hasAcceptedLoss).toBe(false);
  });
});
