import type { PriorityRule } from '../../domain/admin/admin.events.js';

type Keywords = Pick<PriorityRule, 'id' | 'priority' | 'weight' | 'description'> & { readonly words: string };

/** Words apart by commas. That something is *not* urgent weighs more than the word for urgent that is in it. */
const KEYWORDS: readonly Keywords[] = [
  {
    ...{ id: 'urgent-en', priority: 'high', weight: 1, description: 'Says that it is urgent, in English' },
    words: 'urgent, urgently, asap, as soon as possible, emergency, right away, time critical, time-critical',
  },
  {
    ...{ id: 'urgent-zh', priority: 'high', weight: 1, description: 'Says that it is urgent, in Chinese' },
    words:
      '紧急, 緊急, 加急, 急需, 很急, 十万火急, 十萬火急, 尽快, 儘快, 马上, 馬上, 立刻, 立即, 赶紧, 趕緊, 救命',
  },
  {
    ...{
      id: 'outage-en',
      priority: 'high',
      weight: 2,
      description: 'Something that people rely on is down, in English',
    },
    words:
      'production is down, production down, outage, server is down, service is down, system is down, site is down, data loss, security breach',
  },
  {
    ...{
      id: 'outage-zh',
      priority: 'high',
      weight: 2,
      description: 'Something that people rely on is down, in Chinese',
    },
    words:
      '宕机, 宕機, 线上故障, 線上故障, 生产故障, 生產故障, 系统崩溃, 系統崩潰, 服务中断, 服務中斷, 服务器挂了, 数据丢失',
  },
  {
    ...{ id: 'can-wait-en', priority: 'low', weight: 3, description: 'Says that it can wait, in English' },
    words: 'not urgent, no rush, no hurry, not an emergency, whenever you have time, low priority',
  },
  {
    ...{ id: 'can-wait-zh', priority: 'low', weight: 3, description: 'Says that it can wait, in Chinese' },
    words: '不急, 不着急, 不紧急, 不緊急, 不用着急, 并不紧急, 不是很急, 有空再, 有空的时候',
  },
];

/** What every tenant begins with; each can be changed and removed like a rule of its own. */
export const DEFAULT_RULES: readonly PriorityRule[] = KEYWORDS.map(({ words, ...rule }) => ({
  ...rule,
  kind: 'keywords',
  keywords: words.split(', '),
  pattern: null,
}));
