import { pino } from 'pino';
import { AdminChanges } from '../../log/admin/admin-changes.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';
import { InMemoryEventLog } from '../../log/in-memory/in-memory-event-log.js';
import { systemSources } from '../../platform/clock.js';
import { LanePauses } from './lane-pauses.js';

const logger = pino({ level: 'silent' });

async function process(log: InMemoryEventLog) {
  const follower = new AdminFollower(log, logger);
  const pauses = new LanePauses(follower);
  await follower.start(1_000);
  return { pauses, follower, changes: new AdminChanges(log, follower, systemSources) };
}

describe('LanePauses', () => {
  it('knows what was paused, in every process and after a restart, and tells of each change', async () => {
    const log = new InMemoryEventLog();
    const one = await process(log);
    let changes = 0;
    one.pauses.onChange(() => {
      changes += 1;
    });
    await one.changes.record('t', 'low', 'llmq.admin.lane-paused.v1', {
      lane: 'low',
      by: 'ann',
      reason: 'repair',
    });
    await one.changes.record('t', 'low', 'llmq.admin.lane-paused.v1', {
      lane: 'low',
      by: 'bob',
      reason: 'again',
    });
    const other = await process(log);
    for (const { pauses } of [one, other]) {
      expect([pauses.isPaused('low'), pauses.isPaused('high')]).toEqual([true, false]);
      expect(pauses.pauseOf('low')).toMatchObject({ by: 'ann', reason: 'repair' });
    }
    await other.changes.record('t', 'low', 'llmq.admin.lane-resumed.v1', {
      lane: 'low',
      by: 'ann',
      reason: '',
    });
    await one.follower.waitFor(await log.lastSequence('admin'), 1_000);
    expect([one.pauses.isPaused('low'), other.pauses.pauseOf('low')]).toEqual([false, null]);
    expect(changes).toBe(3);
    // The second pause changed nothing.
    expect(one.pauses.changesOf('low')).toMatchObject([{ paused: true }, { paused: false }]);
    expect(other.pauses.changesOf('low')).toEqual(one.pauses.changesOf('low'));
    await Promise.all([one.follower.stop(), other.follower.stop()]);
  });
});
