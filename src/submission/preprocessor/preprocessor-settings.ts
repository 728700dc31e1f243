import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { AdminEvent, PriorityRule } from '../../domain/admin/admin.events.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { type CompiledRule, compileRule } from './compiled-rule.js';
import { ruleOfFile } from './configured-rules.policy.js';
import { DEFAULT_RULES } from './default-rules.policy.js';
import { evolveSettings, initialSettings, type TenantSettings } from './tenant-settings.state.js';

interface Tenant {
  settings: TenantSettings;
  /** Made of the settings when a message asks for it. */
  compiled: readonly CompiledRule[] | null;
}

/** Every tenant's rules and user defaults, as the admin events that this process has heard of make them. */
@Injectable()
export class PreprocessorSettings {
  private readonly tenants = new Map<string, Tenant>();
  private readonly initial: TenantSettings;

  constructor(
    @Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>,
    @Inject(SERVICE_CONFIG) { queue }: Pick<ServiceConfig, 'queue'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { default_rules: withDefaults, rules } = queue.preprocessor;
    this.initial = initialSettings([...(withDefaults ? DEFAULT_RULES : []), ...rules.map(ruleOfFile)]);
    follower.on('llmq.admin.priority-rule-set.v1', (event) => this.apply(event));
    follower.on('llmq.admin.priority-rule-removed.v1', (event) => this.apply(event));
    follower.on('llmq.admin.user-priority-set.v1', (event) => this.apply(event));
    follower.on('llmq.admin.user-priority-removed.v1', (event) => this.apply(event));
  }

  of(tenant: string): TenantSettings {
    return this.tenants.get(tenant)?.settings ?? this.initial;
  }

  rulesOf(tenant: string): readonly CompiledRule[] {
    const known = this.tenant(tenant);
    known.compiled ??= [...known.settings.rules.values()].flatMap(({ rule }) => this.compiled(rule));
    return known.compiled;
  }

  private apply(event: AdminEvent): void {
    const tenant = this.tenant(event.tenant);
    const after = evolveSettings(tenant.settings, event);
    if (after.rules !== tenant.settings.rules) tenant.compiled = null;
    tenant.settings = after;
  }

  private tenant(name: string): Tenant {
    const known = this.tenants.get(name) ?? { settings: this.initial, compiled: null };
    this.tenants.set(name, known);
    return known;
  }

  /** A stored pattern compiled once; where another version of RE2 refuses it, messages must come through without it. */
  private compiled(rule: PriorityRule): CompiledRule[] {
    try {
      return [compileRule(rule)];
    } catch (error) {
      this.logger.error({ err: error, rule: rule.id }, 'a priority rule is left out: it can not be compiled');
      return [];
    }
  }
}
