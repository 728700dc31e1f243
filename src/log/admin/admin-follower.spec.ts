import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { cloudEvent } from '../../domain/cloud-event.events.js';
import { messageEvent } from '../../domain/message/message.events.js';
import { systemSources } from '../../platform/clock.js';
import { InMemoryEventLog } from '../in-memory/in-memory-event-log.js';
import { AdminChanges } from './admin-changes.js';
import { AdminFollower } from './admin-follower.js';

const now = '2026-01-02T03:04:05.678Z';
const { newId } = systemSources;
const quiet = pino({ level: 'silent' });
const paused = (by: string) =>
  cloudEvent({ subject: 'low', tenant: 'default', now, newId }, 'llmq.admin.lane-paused.v1', {
    ...{ lane: 'low' as const, by, reason: 'a test' },
  });
const cancelled = () =>
  messageEvent(
    { messageId: newId(), tenant: 'default', lane: 'low', now, newId },
    'llmq.message.cancelled.v1',
    {
      ...{ by: 'u', reason: 'none' },
    },
  );

const started: AdminFollower[] = [];
afterEach(async () => {
  for (const follower of started.splice(0)) await follower.stop();
});

function followerOf(log: InMemoryEventLog) {
  const follower = new AdminFollower(log, quiet);
  started.push(follower);
  const heard: string[] = [];
  follower.on('llmq.admin.lane-paused.v1', ({ data }) => heard.push(data.by));
  return { follower, heard };
}

describe('a follower of what admins change', () => {
  it('has folded the past when it has started, with whatever lies between', async () => {
    const log = new InMemoryEventLog();
    for (let n = 0; n < 2_500; n += 1) await log.append([n % 2 === 0 ? cancelled() : paused(`admin-${n}`)]);
    await log.append([cancelled()]);
    const { follower, heard } = followerOf(log);
    expect(await follower.start(1_000)).toBe(true);
    expect(heard).toEqual(Array.from({ length: 1_250 }, (_, n) => `admin-${2 * n + 1}`));
  });

  it('has nothing to fold in a log without admins', async () => {
    const log = new InMemoryEventLog();
    await log.append([cancelled()]);
    expect(await followerOf(log).follower.start(1_000)).toBe(true);
  });

  it('hears of changes before the one who makes them is told', async () => {
    const log = new InMemoryEventLog();
    const { follower, heard } = followerOf(log);
    const other = followerOf(log);
    await Promise.all([follower.start(1_000), other.follower.start(1_000)]);
    const changes = new AdminChanges(log, follower, systemSources);
    const data = { lane: 'low', by: 'me', reason: '' } as const;
    await changes.record('default', 'low', 'llmq.admin.lane-paused.v1', data);
    expect(heard).toEqual(['me']);
    expect(await other.follower.waitFor(await log.lastSequence('admin'), 1_000)).toBe(true);
    expect(other.heard).toEqual(['me']);
  });

  it('passes over an event of a version to come', async () => {
    const log = new InMemoryEventLog();
    await log.append([paused('before')]);
    log.storeRaw(Buffer.from(JSON.stringify({ ...paused('x'), type: 'llmq.admin.moon-set.v1' })));
    await log.append([paused('behind')]);
    const { follower, heard } = followerOf(log);
    expect(await follower.start(3_000)).toBe(true);
    expect(heard).toEqual(['before', 'behind']);
  });

  it('takes no fold that would miss the past', async () => {
    const { follower } = followerOf(new InMemoryEventLog());
    await follower.start(1_000);
    expect(() => follower.on('llmq.admin.lane-resumed.v1', () => undefined)).toThrow('Too late');
  });
});
