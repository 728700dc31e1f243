import type { AdminEvent, PriorityRule } from '../../domain/admin/admin.events.js';
import type { Lane } from '../../domain/message/lane.policy.js';

/** Who set something last, and when (ISO 8601). */
export interface Authorship {
  readonly by: string;
  readonly at: string;
}

export interface StoredRule {
  readonly rule: PriorityRule;
  /** Null for a default rule as it was delivered, or one of the configuration file. */
  readonly changed: Authorship | null;
}

export interface UserPriority {
  readonly userId: string;
  readonly priority: Lane;
  readonly changed: Authorship;
}

/** What one tenant's admins have set, folded from their events; both in the order of their first setting. */
export interface TenantSettings {
  readonly rules: ReadonlyMap<string, StoredRule>;
  readonly users: ReadonlyMap<string, UserPriority>;
}

/** @param defaultRules of two with one id, the later one counts */
export function initialSettings(defaultRules: readonly PriorityRule[]): TenantSettings {
  return {
    rules: new Map(defaultRules.map((rule) => [rule.id, { rule, changed: null }])),
    users: new Map(),
  };
}

/** Events of other matters leave the settings as they are. */
export function evolveSettings(settings: TenantSettings, event: AdminEvent): TenantSettings {
  switch (event.type) {
    case 'llmq.admin.priority-rule-set.v1': {
      const { rule } = event.data;
      return { ...settings, rules: withEntry(settings.rules, rule.id, { rule, changed: authorship(event) }) };
    }
    case 'llmq.admin.priority-rule-removed.v1':
      return { ...settings, rules: without(settings.rules, event.subject) };
    case 'llmq.admin.user-priority-set.v1': {
      const { user_id: userId, priority } = event.data;
      const entry = { userId, priority, changed: authorship(event) };
      return { ...settings, users: withEntry(settings.users, userId, entry) };
    }
    case 'llmq.admin.user-priority-removed.v1':
      return { ...settings, users: without(settings.users, event.data.user_id) };
    default:
      return settings;
  }
}

function authorship(event: AdminEvent): Authorship {
  return { by: event.data.by, at: event.time };
}

function withEntry<V>(entries: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
  return new Map(entries).set(key, value);
}

function without<V>(entries: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const rest = new Map(entries);
  rest.delete(key);
  return rest;
}
