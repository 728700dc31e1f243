import { Inject, Injectable } from '@nestjs/common';
import { TUNABLE } from '../../dispatch/endpoints/registered/file-bounds.policy.js';
import { type KeyPermit, mayUseKey } from '../../dispatch/endpoints/registered/key-permits.policy.js';
import type { EndpointTuning, RegisteredEndpoint } from '../../domain/admin/endpoint.events.js';
import type { Caller } from '../../domain/caller.js';
import { AdminChanges } from '../../log/admin/admin-changes.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EgressPolicy } from '../../platform/security/egress.js';
import { invalidFields, refused } from '../../submission/refusal.js';
import { EndpointDirectory, type KnownEndpoint } from './endpoint-directory.js';

/** Each process holds connections to all of them. */
const MAX_REGISTERED = 500;

/** Parts of an endpoint that are to change; null: back to what it is without being said. */
export type EndpointPatch = { readonly [K in keyof RegisteredEndpoint]?: RegisteredEndpoint[K] | null };

/**
 * What admins do with endpoints, each an event of the log. All answer with the endpoint as it is then.
 *
 * Two admins who change the same endpoint at the same moment both succeed, and the last word counts.
 */
@Injectable()
export class EndpointChanges {
  private readonly egress: EgressPolicy;
  private readonly permits: readonly KeyPermit[];

  constructor(
    @Inject(EndpointDirectory) private readonly directory: EndpointDirectory,
    @Inject(AdminChanges) private readonly changes: AdminChanges,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {
    this.egress = new EgressPolicy(config);
    this.permits = keyPermits(config);
  }

  /** @throws {RefusedError} `already_exists`, `limit_reached`, `invalid_fields`, and what `AdminChanges` throws */
  async register(admin: Caller, endpoint: RegisteredEndpoint): Promise<KnownEndpoint> {
    const { name } = endpoint;
    if (this.directory.find(name) !== null) {
      throw refused('already_exists', `There is an endpoint ${name} already; PATCH changes it.`);
    }
    if (this.directory.list().filter(({ source }) => source === 'api').length >= MAX_REGISTERED) {
      throw refused('limit_reached', `There are ${MAX_REGISTERED} registered endpoints, which is the limit.`);
    }
    await this.refuseWrongTarget(endpoint);
    return this.record(admin, name, 'llmq.admin.endpoint-set.v1', { endpoint, by: admin.name });
  }

  /** @throws {RefusedError} `not_found`, `set_by_configuration`, `invalid_fields` */
  async change(
    admin: Caller,
    name: string,
    patch: EndpointPatch,
    complete: (patch: EndpointPatch, before: RegisteredEndpoint) => RegisteredEndpoint,
  ): Promise<KnownEndpoint> {
    const known = this.known(name);
    if (known.bounds !== null) return this.tune(admin, known, patch);
    const endpoint = complete(patch, known.description as RegisteredEndpoint);
    await this.refuseWrongTarget(endpoint);
    return this.record(admin, name, 'llmq.admin.endpoint-set.v1', { endpoint, by: admin.name });
  }

  /** May be repeated. */
  async drain(admin: Caller, name: string, reason: string): Promise<KnownEndpoint> {
    const known = this.known(name);
    if (known.drained !== null) return known;
    return this.record(admin, name, 'llmq.admin.endpoint-drained.v1', { by: admin.name, reason });
  }

  /** May be repeated. */
  async undrain(admin: Caller, name: string, reason: string): Promise<KnownEndpoint> {
    const known = this.known(name);
    if (known.drained === null) return known;
    return this.record(admin, name, 'llmq.admin.endpoint-undrained.v1', { by: admin.name, reason });
  }

  /** @throws {RefusedError} `not_found`, `set_by_configuration` */
  async remove(admin: Caller, name: string): Promise<void> {
    const { source } = this.known(name);
    if (source !== 'api') {
      throw refused(
        'set_by_configuration',
        `${name} is named by the configuration, so it can be removed only there. Drain it to give it no more calls.`,
      );
    }
    await this.changes.record(admin.tenant, name, 'llmq.admin.endpoint-removed.v1', { by: admin.name });
  }

  /** @throws {RefusedError} `not_found` */
  known(name: string): KnownEndpoint {
    const known = this.directory.find(name);
    if (known === null) throw refused('not_found', `There is no endpoint ${name.slice(0, 64)}.`);
    return known;
  }

  private async tune(admin: Caller, known: KnownEndpoint, patch: EndpointPatch): Promise<KnownEndpoint> {
    const { name } = known.description;
    const fixed = Object.keys(patch).find((field) => !(TUNABLE as readonly string[]).includes(field));
    if (fixed !== undefined) {
      throw refused(
        'set_by_configuration',
        `${fixed} of ${name} is set by the configuration, and changed only there. While the service runs, ${TUNABLE.join(', ')} can be changed, and it can be drained.`,
      );
    }
    const tuning: Record<string, number> = { ...this.directory.tuningOf(name) };
    for (const field of TUNABLE) {
      const value = patch[field];
      const bound = known.bounds?.[field] ?? null;
      if (typeof value === 'number' && bound !== null && value > bound) {
        const reason = `must be at most ${bound}, which the configuration sets`;
        throw invalidFields([{ field, reason }]);
      }
      if (value === null) delete tuning[field];
      else if (value !== undefined) tuning[field] = value;
    }
    const data = { tuning: tuning as EndpointTuning, by: admin.name };
    return this.record(admin, name, 'llmq.admin.endpoint-tuned.v1', data);
  }

  /** Whoever may register an endpoint must not reach the machine's own network by it, nor be sent a key of others. */
  private async refuseWrongTarget({ base_url, api_key_env: env }: RegisteredEndpoint): Promise<void> {
    const refusal = await this.egress.check(base_url);
    if (refusal !== null)
      throw invalidFields([{ field: 'base_url', reason: `is refused: ${refusal.message}` }]);
    if (env === null) return;
    const { origin } = new URL(base_url);
    if (!mayUseKey(this.permits, env, origin)) {
      const reason = `names a variable that may not be sent to ${origin}; security.endpoint_keys in the configuration allows it`;
      throw invalidFields([{ field: 'api_key_env', reason }]);
    }
    // Where the workers are other processes, they tell it in their logs.
    if (this.config.roles.has('worker') && (process.env[env] ?? '').trim() === '') {
      throw invalidFields([
        { field: 'api_key_env', reason: `names ${env}, which is not set in the environment of the service` },
      ]);
    }
  }

  private async record<T extends Parameters<AdminChanges['record']>[2]>(
    admin: Caller,
    name: string,
    type: T,
    data: Parameters<typeof this.changes.record<T>>[3],
  ): Promise<KnownEndpoint> {
    await this.changes.record(admin.tenant, name, type, data);
    return this.known(name);
  }
}

/** The keys of the file's endpoints may be used where the file sends them; `security.endpoint_keys` names others. */
function keyPermits({ endpoints, security }: Pick<ServiceConfig, 'endpoints' | 'security'>): KeyPermit[] {
  const ofFile = endpoints.flatMap(({ api_key_env: env, base_url }) =>
    env === undefined ? [] : [{ env, origin: new URL(base_url).origin }],
  );
  const allowed = security.endpoint_keys.flatMap(({ env, origins }) =>
    origins.map((origin) => ({ env, origin: new URL(origin).origin })),
  );
  return [...ofFile, ...allowed];
}
