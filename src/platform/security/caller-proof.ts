import { Inject, Injectable } from '@nestjs/common';
import { type Caller, LOCAL_CALLER } from '../../domain/caller.js';
import { SOURCES, type Sources } from '../clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { ApiKeyRing, type SentKey } from './api-key-ring.js';
import { directCaller } from './direct-caller.js';
import { withinTenant } from './key-roles.policy.js';
import { judgeOrigin } from './local-origin.policy.js';

/** What a client says of itself, in the headers of whatever protocol it speaks. */
export interface Evidence extends SentKey {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | undefined;
  /** The tenant that an operator means, in place of its own key's. */
  readonly 'x-llmq-tenant'?: string | undefined;
}

export interface Unproven {
  readonly code: 'unauthorized' | 'forbidden' | 'foreign_host' | 'foreign_origin';
  readonly message: string;
}

const WITHOUT_KEY = {
  no_key: 'Send an API key as the header `Authorization: Bearer <key>` or `X-API-Key: <key>`.',
  unknown_key: 'This API key is not known.',
  expired_key: 'This API key has expired (expires_at).',
} as const;

/** With API keys, a key proves the caller. Without, this machine's own programs are served, and not web pages. */
@Injectable()
export class CallerProof {
  private readonly ring: ApiKeyRing;
  private readonly configuredHost: string;
  private readonly publishers: ServiceConfig['nats']['publishers'];

  constructor(
    @Inject(SERVICE_CONFIG)
    { security, server, nats }: Pick<ServiceConfig, 'security' | 'server' | 'nats'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
  ) {
    this.ring = new ApiKeyRing(security.api_keys);
    this.configuredHost = server.host;
    this.publishers = nats.publishers;
  }

  /** Whose credentials at NATS were used. */
  ofPublisher(name: string): Caller | Unproven {
    const message = `There is no publisher ${name} in nats.publishers.`;
    return directCaller(this.publishers, name) ?? { code: 'unauthorized', message };
  }

  /** Whether a key is needed, and none was sent. */
  lacksKey(evidence: Evidence): boolean {
    return !this.ring.open && evidence.authorization === undefined && evidence['x-api-key'] === undefined;
  }

  /** Until when the key proves its holder, in milliseconds since the epoch; infinite for one without an end. */
  keyEndsAtMs(evidence: Evidence): number {
    return this.ring.endsAtMs(evidence);
  }

  prove(evidence: Evidence): Caller | Unproven {
    const caller = this.ring.open ? this.local(evidence) : this.keyHolder(evidence);
    const tenant = evidence['x-llmq-tenant'];
    if (tenant === undefined || 'code' in caller) return caller;
    const within = withinTenant(caller, tenant);
    return 'reason' in within ? { code: 'forbidden', message: within.reason } : within;
  }

  private keyHolder(evidence: Evidence): Caller | Unproven {
    const holder = this.ring.holderOf(evidence, this.sources.nowMs);
    return typeof holder === 'string' ? { code: 'unauthorized', message: WITHOUT_KEY[holder] } : holder;
  }

  private local({ host, origin, 'sec-fetch-site': fetchSite }: Evidence): Caller | Unproven {
    const code = judgeOrigin({ host, origin, fetchSite }, this.configuredHost);
    switch (code) {
      case 'ok':
        return LOCAL_CALLER;
      case 'foreign_host':
        return {
          code,
          message: `Without API keys the service answers to its loopback names only, not to the Host ${JSON.stringify(host)}. Set security.api_keys to serve other names.`,
        };
      case 'foreign_origin':
        return {
          code,
          message:
            'Without API keys the service refuses requests from web pages of another origin, links in them included. Type the address instead.',
        };
    }
  }
}
