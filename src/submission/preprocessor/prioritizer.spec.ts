import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { PriorityRule } from '../../domain/admin/admin.events.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { AdminChanges } from '../../log/admin/admin-changes.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';
import { InMemoryEventLog } from '../../log/in-memory/in-memory-event-log.js';
import { systemSources } from '../../platform/clock.js';
import { configSchema } from '../../platform/config/config.schema.js';
import { InvalidPatternError } from '../../platform/patterns/re2-pattern.js';
import { analysedText, analysisOf, loadLibraries } from './analysis.js';
import { compileRule, ruleText } from './compiled-rule.js';
import { PreprocessorSettings } from './preprocessor-settings.js';
import { Prioritizer } from './prioritizer.js';

const libraries = await loadLibraries();
const analyser = {
  analyse: async (request: ModelRequest) => analysisOf(analysedText(request), libraries),
};
const config = configSchema.parse({
  queue: {
    default_priority: 'normal',
    preprocessor: {
      ...{ default_rules: true, realtime_score: null, high_score: 0.8 },
      rules: [
        { id: 'vip', metadata: { vip: true }, priority: 'realtime', weight: 10 },
        { id: 'long', min_tokens: 200, priority: 'low', weight: 5 },
        { id: 'can-wait-zh', keywords: ['慢慢来', '不急'], priority: 'low', weight: 3 },
      ],
    },
  },
});
const NOTHING = { metadata: {}, tokens: 0 };
const quiet = pino({ level: 'silent' });
const followers: AdminFollower[] = [];
afterEach(async () => {
  for (const follower of followers.splice(0)) await follower.stop();
});

async function preprocessor(log = new InMemoryEventLog()) {
  const follower = new AdminFollower(log, quiet);
  followers.push(follower);
  const settings = new PreprocessorSettings(follower, config, quiet);
  await follower.start(1_000);
  const prioritizer = new Prioritizer(analyser, settings, config);
  const changes = new AdminChanges(log, follower, systemSources);
  const set = (rule: PriorityRule, tenant = 'default') =>
    changes.record(tenant, rule.id, 'llmq.admin.priority-rule-set.v1', { rule, by: 'admin' });
  return { log, prioritizer, settings, changes, set };
}

const submission = (content: string, tenant = 'default', metadata: Record<string, unknown> = {}) => ({
  ...{ tenant, metadata, userId: 'u', requestedPriority: null },
  request: { content, model: null, parameters: {} },
});
const rule = (changed: Partial<PriorityRule>): PriorityRule => ({
  ...{ id: 'mine', kind: 'keywords', keywords: ['banana'], pattern: null, priority: 'realtime', weight: 1 },
  description: '',
  ...changed,
});

describe('the preprocessor', () => {
  it('knows urgent words in English and Chinese, and that something can wait', async () => {
    const { prioritizer } = await preprocessor();
    const decided = async (content: string) => {
      const { priority, reason } = await prioritizer.prioritize(submission(content));
      return `${priority} ${reason}`;
    };
    expect(await decided('Please answer ASAP.')).toBe('high rule:urgent-en');
    expect(await decided('这个问题很紧急')).toBe('high rule:urgent-zh');
    expect(await decided('線上故障，請處理')).toBe('high rule:outage-zh');
    expect(await decided('This is not urgent.')).toBe('low rule:can-wait-en');
    expect(await decided('不急，有空再看')).toBe('low rule:can-wait-zh');
    expect(await decided('The insurgents of 1848')).toBe('normal default');
  });

  it('takes rules of the file for all tenants, which move messages up and down by metadata and length', async () => {
    const { prioritizer, set } = await preprocessor();
    const decided = async (content: string, metadata = {}, tenant = 'any') => {
      const { priority, reason } = await prioritizer.prioritize(submission(content, tenant, metadata));
      return `${priority} ${reason}`;
    };
    const long = 'word '.repeat(300);
    expect(await decided('hello', { vip: true })).toBe('realtime rule:vip');
    expect(await decided('hello', { vip: 'true' })).toBe('normal default');
    expect(await decided(`urgent ${long}`)).toBe('low rule:long');
    expect(await decided(long, { vip: true })).toBe('realtime rule:vip');
    expect(await decided('慢慢来')).toBe('low rule:can-wait-zh');
    await set(
      rule({ id: 'vip', kind: 'any', keywords: [], metadata: { vip: true }, max_tokens: 9, priority: 'low' }),
    );
    expect(await decided('hello', { vip: true }, 'default')).toBe('low rule:vip');
    expect(await decided('hello '.repeat(20), { vip: true }, 'default')).toBe('normal default');
    expect(await decided('hello', { vip: true })).toBe('realtime rule:vip');
  });

  it('asks for words and conditions together', async () => {
    const { prioritizer, set } = await preprocessor();
    await set(rule({ metadata: { plan: 'gold' }, priority: 'high' }));
    const of = async (content: string, metadata: Record<string, unknown>) =>
      (await prioritizer.prioritize(submission(content, 'default', metadata))).priority;
    expect(await of('a banana', { plan: 'gold' })).toBe('high');
    expect(await of('a banana', { plan: 'free' })).toBe('normal');
    expect(await of('an apple', { plan: 'gold' })).toBe('normal');
  });

  it('applies rules and user defaults to their own tenant, from when they are made until they are removed', async () => {
    const { prioritizer, changes, set } = await preprocessor();
    const priority = async (tenant: string) =>
      (await prioritizer.prioritize(submission('a banana', tenant))).priority;
    await set(rule({}));
    expect([await priority('default'), await priority('other')]).toEqual(['realtime', 'normal']);
    await set(rule({ priority: 'low' }));
    expect(await priority('default')).toBe('low');
    const data = { user_id: 'u', priority: 'high', by: 'admin' } as const;
    await changes.record('default', 'u', 'llmq.admin.user-priority-set.v1', data);
    expect(await prioritizer.prioritize(submission('a banana'))).toMatchObject({
      priority: 'high',
      reason: 'user_default',
    });
    await changes.record('default', 'u', 'llmq.admin.user-priority-removed.v1', data);
    await changes.record('default', 'mine', 'llmq.admin.priority-rule-removed.v1', { by: 'admin' });
    expect(await priority('default')).toBe('normal');
  });

  it('lets default rules be changed and removed, and remembers it', async () => {
    const { log, changes, set } = await preprocessor();
    await set(rule({ id: 'urgent-en', keywords: ['banana'] }));
    await changes.record('default', 'urgent-zh', 'llmq.admin.priority-rule-removed.v1', { by: 'admin' });
    const { prioritizer, settings } = await preprocessor(log);
    expect((await prioritizer.prioritize(submission('asap'))).reason).toBe('default');
    expect((await prioritizer.prioritize(submission('banana'))).reason).toBe('rule:urgent-en');
    expect(settings.of('default').rules.has('urgent-zh')).toBe(false);
    expect(settings.of('other').rules.has('urgent-zh')).toBe(true);
  });

  it('takes `user_priority` in the metadata where it is a priority', async () => {
    const { prioritizer } = await preprocessor();
    const of = (value: unknown) =>
      prioritizer.prioritize(submission('hi', 'default', { user_priority: value }));
    expect(await of('realtime')).toMatchObject({ priority: 'realtime', reason: 'metadata' });
    for (const value of ['highest', 1, null, ['high']]) expect((await of(value)).reason).toBe('default');
  });

  it('tries a rule that is not stored, beside those that are', async () => {
    const { prioritizer, settings } = await preprocessor();
    const trial = await prioritizer.try(submission('an urgent banana'), rule({ weight: 5 }));
    expect(trial.prioritization).toMatchObject({ priority: 'realtime', reason: 'rule:mine' });
    expect(trial.matched.map(({ id }) => id)).toEqual(['urgent-en', 'mine']);
    expect(settings.of('default').rules.has('mine')).toBe(false);
  });

  it('does not go back in a pattern, and refuses those that are wrong or too large', () => {
    const pattern = (text: string) => compileRule(rule({ kind: 'pattern', keywords: [], pattern: text }));
    expect(pattern('(?i)\\bprod-\\d+').matches(ruleText('PROD-12', NOTHING))).toBe(true);
    const started = process.cpuUsage();
    pattern('(a+)+$').matches(ruleText(`${'a'.repeat(4_000)}!`, NOTHING));
    expect(process.cpuUsage(started).user).toBeLessThan(10_000_000);
    for (const wrong of ['(', '(?=a)', '\\1', 'a**', '((a{100}){100}){10}', '\\pL{999}']) {
      expect(() => pattern(wrong)).toThrow(InvalidPatternError);
    }
  });
});
