import { Inject, Injectable } from '@nestjs/common';
import { type Caller, LOCAL_CALLER } from '../../domain/caller.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { ApiKeyRing } from './api-key-ring.js';
import { judgeOrigin } from './local-origin.policy.js';

/** What a client says of itself, in the headers of whatever protocol it speaks. */
export interface Evidence {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

export interface Unproven {
  readonly code: 'unauthorized' | 'foreign_host' | 'foreign_origin';
  readonly message: string;
}

/** With API keys, a key proves the caller. Without, this machine's own programs are served, and not web pages. */
@Injectable()
export class CallerProof {
  private readonly ring: ApiKeyRing;
  private readonly configuredHost: string;

  constructor(@Inject(SERVICE_CONFIG) { security, server }: Pick<ServiceConfig, 'security' | 'server'>) {
    this.ring = new ApiKeyRing(security.api_keys);
    this.configuredHost = server.host;
  }

  prove(evidence: Evidence): Caller | Unproven {
    return this.ring.open ? this.local(evidence) : this.keyHolder(evidence);
  }

  private keyHolder({ authorization }: Evidence): Caller | Unproven {
    const caller = this.ring.callerOf(authorization);
    if (caller !== null) return caller;
    const message =
      authorization === undefined
        ? 'Send an API key as the header `Authorization: Bearer <key>`.'
        : 'This API key is not known.';
    return { code: 'unauthorized', message };
  }

  private local({ host, origin }: Evidence): Caller | Unproven {
    const code = judgeOrigin({ host, origin }, this.configuredHost);
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
          message: 'Without API keys the service refuses requests from web pages of another origin.',
        };
    }
  }
}
