import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { AdminFollower } from '../../../log/admin/admin-follower.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { LOGGER } from '../../../platform/tokens.js';
import {
  configuredDescriptions,
  DEMO_ENDPOINT_URL,
  type EndpointDescription,
  keyOf,
  oddityLog,
  openAiEndpoint,
  settingsOf,
} from '../configured-endpoints.js';
import { EndpointRegistry } from '../endpoint-registry.js';
import {
  CATALOG_EVENTS,
  type CatalogEntry,
  type CatalogEvent,
  type EndpointCatalog,
  folded,
} from './endpoint-catalog.state.js';
import { tuned } from './file-bounds.policy.js';

/** An endpoint that this process has in its registry because an admin registered it. */
interface Built {
  /** All that makes its connections what they are. */
  readonly connection: string;
}

/**
 * Keeps the registry of this process as admins want it: folds what they changed from the log, which gives the same in every
 * process some milliseconds later and after every start, and makes the registry follow.
 *
 * What the configuration file names stays the file's: of it, only what `tuned` allows is changed, and an endpoint that was
 * registered under a name that the file has got since is passed over.
 */
@Injectable()
export class RegisteredEndpoints {
  private catalog: EndpointCatalog = new Map();
  /** What the configuration says, by name. */
  private readonly configured: ReadonlyMap<string, EndpointDescription>;
  private readonly built = new Map<string, Built>();
  /** Names of endpoints that are removed and whose calls still run. */
  private readonly leaving = new Set<string>();

  constructor(
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>,
    @Inject(DEMO_ENDPOINT_URL) demoUrl: string | null,
  ) {
    const configured = configuredDescriptions(config, demoUrl);
    this.configured = new Map(configured.map((endpoint) => [endpoint.name, endpoint]));
    for (const type of CATALOG_EVENTS) {
      follower.on(type, (event) => {
        this.catalog = folded(this.catalog, event as CatalogEvent);
        this.follow(event.subject);
      });
    }
  }

  entry(name: string): CatalogEntry | null {
    return this.catalog.get(name) ?? null;
  }

  /** Those that admins registered, in the order of their names' first registration. */
  registered(): EndpointDescription[] {
    return [...this.catalog.values()].flatMap(({ endpoint }) =>
      endpoint === null || this.configured.has(endpoint.name) ? [] : [endpoint],
    );
  }

  /** A fold must not throw: what can't be followed here is told in the log, and the other endpoints go on. */
  private follow(name: string): void {
    if (this.leaving.has(name)) return;
    try {
      const entry = this.catalog.get(name);
      const configured = this.configured.get(name);
      if (configured !== undefined) this.tune(configured, entry);
      else if (entry?.endpoint == null) this.remove(name);
      else this.set(entry.endpoint, entry.drained !== null);
    } catch (error) {
      this.logger.error(
        { err: error, endpoint: name },
        'what an admin said of an endpoint can not be followed here',
      );
    }
  }

  private tune(configured: EndpointDescription, entry: CatalogEntry | undefined): void {
    const { name } = configured;
    if (entry?.endpoint != null) {
      this.logger.warn(
        { endpoint: name },
        'a registered endpoint has the name of one in the configuration file, which counts',
      );
    }
    this.registry.change(name, tuned(settingsOf(configured), entry?.tuning ?? {}));
    this.drainIf(name, entry?.drained != null);
  }

  private set(endpoint: EndpointDescription, drained: boolean): void {
    const { name } = endpoint;
    const settings = settingsOf(endpoint);
    const key = this.keyHere(endpoint);
    const connection = connectionOf(endpoint);
    const before = this.built.get(name);
    if (before?.connection === connection) {
      this.registry.change(name, settings);
    } else {
      const made = openAiEndpoint(endpoint, key.value, this.config, 'request', oddityLog(this.logger));
      if (before === undefined) this.registry.add(made, settings);
      else this.registry.replace(name, made, settings);
      this.built.set(name, { connection });
    }
    this.drainIf(name, drained || !key.usable);
  }

  private remove(name: string): void {
    if (!this.built.delete(name)) return;
    this.leaving.add(name);
    void this.registry
      .remove(name)
      .catch((error: unknown) =>
        this.logger.warn({ err: error, endpoint: name }, 'closing an endpoint failed'),
      )
      .then(() => {
        this.leaving.delete(name);
        // It may have been registered again meanwhile.
        this.follow(name);
      });
  }

  private drainIf(name: string, drained: boolean): void {
    if (drained) this.registry.drain(name);
    else this.registry.undrain(name);
  }

  /**
   * Only workers call endpoints. One without the key gives this endpoint no calls: its messages wait for it, or for
   * another worker, rather than fail one by one.
   */
  private keyHere(endpoint: EndpointDescription): { value: string | null; usable: boolean } {
    if (!this.config.roles.has('worker')) return { value: null, usable: true };
    try {
      return { value: keyOf(endpoint, process.env), usable: true };
    } catch (error) {
      this.logger.error(
        { err: error, endpoint: endpoint.name },
        'an endpoint gets no calls from here: its key is missing',
      );
      return { value: null, usable: false };
    }
  }
}

/** Of these the endpoint is made; a change of the others needs no new connections. */
function connectionOf(endpoint: EndpointDescription): string {
  const { base_url, api_key_env, headers, api, stream, include_usage } = endpoint;
  const { first_token_timeout_ms, idle_timeout_ms } = endpoint;
  return JSON.stringify([
    ...[base_url, api_key_env, headers, api ?? 'chat_completions', stream, include_usage],
    ...[first_token_timeout_ms, idle_timeout_ms],
  ]);
}
