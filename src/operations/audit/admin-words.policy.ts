import type { AdminEvent } from '../../domain/admin/admin.events.js';

/** What an admin changed, in a sentence for people. */
export function adminWords(event: AdminEvent): string {
  switch (event.type) {
    case 'llmq.admin.priority-rule-set.v1':
      return `Rule ${event.data.rule.id} set by ${event.data.by}: priority ${event.data.rule.priority}.`;
    case 'llmq.admin.priority-rule-removed.v1':
      return `Rule ${event.subject} removed by ${event.data.by}.`;
    case 'llmq.admin.user-priority-set.v1':
      return `Priority ${event.data.priority} set for user ${event.data.user_id} by ${event.data.by}.`;
    case 'llmq.admin.user-priority-removed.v1':
      return `Priority of user ${event.data.user_id} removed by ${event.data.by}.`;
    case 'llmq.admin.lane-paused.v1':
      return `Lane ${event.data.lane} paused by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.admin.lane-resumed.v1':
      return `Lane ${event.data.lane} resumed by ${event.data.by}: ${event.data.reason}.`;
    default:
      return assertNever(event);
  }
}

function assertNever(event: never): never {
  throw new Error(`No words for event ${JSON.stringify(event)}`);
}
