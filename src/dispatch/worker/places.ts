import { Inject, Injectable } from '@nestjs/common';
import { CHOICE_STRATEGIES } from '../../domain/choice-strategies.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { Acquired, Asked, EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { type FailedCall, type FallbackLists, modelsToTry, triedEndpoints } from './failover.policy.js';

type Registry = Pick<EndpointRegistry, 'acquire' | 'freePlaces' | 'isDown' | 'wordsFor' | 'defaultModel'>;
type FallbackConfig = Pick<
  ServiceConfig['loadbalancer'],
  'fallbacks' | 'context_window_fallbacks' | 'content_policy_fallbacks'
>;

/** So long a message of a model that is down, and that names no other model, is not looked at again. */
const LOOK_EVERY_MS = 1_000;
const LONGEST_PASSED_MS = 30_000;

/**
 * So long an `unspeakable` message is passed by others: each time twice as long, since each look costs a query and a place
 * that others could have.
 *
 * @param delivery which delivery this is, from 1
 */
export function passedForMs(delivery: number): number {
  return Math.min(LONGEST_PASSED_MS, LOOK_EVERY_MS * 2 ** (delivery - 1));
}

/**
 * `unspeakable`: what is free, at the model or at one that stands in for it, has no words for the request; what has them is
 * full or down. What lies behind the message may go before it.
 */
export type Placed = Acquired | { readonly kind: 'unspeakable' };

/** Finds the place for each call of a message: at its own model, or at one that stands in for it. */
@Injectable()
export class Places {
  private readonly config: FallbackConfig;
  /** When a message of a model that is down was looked at in vain. */
  private readonly lookedAt = new Map<string, number>();

  constructor(
    @Inject(EndpointRegistry) private readonly registry: Registry,
    @Inject(SERVICE_CONFIG) { loadbalancer }: { readonly loadbalancer: FallbackConfig },
  ) {
    this.config = loadbalancer;
  }

  /**
   * Calls that may begin now for messages of this model. A model that stands in counts only where nobody serves the wanted
   * one: who merely waits for a busy model goes on waiting. What a message names itself is known when it is here, so the
   * first of a model that is down is looked at, and then the next; one that names nothing is left alone for a while.
   */
  freePlaces(model: string): number {
    const own = this.registry.freePlaces(model);
    if (own > 0) return own;
    if (!this.registry.isDown(model)) return own;
    const others = listed(this.config.fallbacks, model);
    if (others.length === 0) return this.isToLook(model) ? 1 : own;
    return others.reduce((free, other) => free + Math.max(0, this.registry.freePlaces(other)), 0);
  }

  /** For the first call of an attempt. */
  first(asked: Asked): Placed {
    const { request } = asked;
    const acquired = this.acquire(asked, request.model);
    if (acquired.kind !== 'busy') return acquired;
    const wanted = this.wantedBy(request);
    let mayPass = this.registry.freePlaces(wanted) > 0 && this.registry.wordsFor(wanted, asked) === 'some';
    if (this.registry.isDown(wanted, asked)) {
      const isDown = this.registry.isDown(wanted);
      for (const model of this.listsOf(request).general) {
        if (this.isSpeechless(model, asked)) {
          mayPass ||= this.registry.freePlaces(model) > 0;
          continue;
        }
        const other = this.acquire(asked, model);
        if (other.kind === 'leased') return { ...other, reason: standsIn(other, wanted, !isDown) };
      }
      if (isDown && !mayPass) this.lookedAt.set(wanted, performance.now());
    }
    return mayPass ? { kind: 'unspeakable' } : acquired;
  }

  /** For the next call of an attempt, after these; null where there is none. Never waits. */
  next(asked: Asked, calls: readonly FailedCall[]): EndpointLease | null {
    const { request } = asked;
    const wanted = this.wantedBy(request);
    for (const model of modelsToTry(wanted, this.listsOf(request), calls)) {
      if (model !== wanted && this.isSpeechless(model, asked)) continue;
      // An endpoint that failed with one model may fail with all, so another is asked first.
      const lease =
        this.leased(asked, model, triedEndpoints(calls)) ??
        this.leased(asked, model, triedEndpoints(calls, model));
      if (lease !== null) return lease;
    }
    return null;
  }

  /** What the message asks for, or gets where it asks for none. */
  wantedBy({ model }: ModelRequest): string {
    return model ?? this.registry.defaultModel;
  }

  /** A model that stands in would refuse for good what the wanted one may take in a moment. */
  private isSpeechless(model: string, asked: Asked): boolean {
    return this.registry.wordsFor(model, asked) === 'none';
  }

  private isToLook(model: string): boolean {
    return performance.now() - (this.lookedAt.get(model) ?? Number.NEGATIVE_INFINITY) >= LOOK_EVERY_MS;
  }

  private leased(asked: Asked, model: string, exclude: ReadonlySet<string>): EndpointLease | null {
    const acquired = this.acquire(asked, model, exclude);
    return acquired.kind === 'leased' ? acquired : null;
  }

  private acquire(asked: Asked, model: string | null, exclude?: ReadonlySet<string>): Acquired {
    const { session, strategy: wanted } = asked.request.routing ?? {};
    const strategy = CHOICE_STRATEGIES.find((each) => each === wanted);
    return this.registry.acquire(model, {
      asked,
      ...(exclude === undefined ? {} : { exclude }),
      ...(strategy === undefined ? {} : { strategy }),
      ...(session === undefined ? {} : { session }),
    });
  }

  private listsOf(request: ModelRequest): FallbackLists {
    const wanted = this.wantedBy(request);
    const { fallbacks, context_window_fallbacks, content_policy_fallbacks } = this.config;
    return {
      general: request.routing?.fallbacks ?? listed(fallbacks, wanted),
      contextWindow: listed(context_window_fallbacks, wanted),
      contentPolicy: listed(content_policy_fallbacks, wanted),
    };
  }
}

function listed(lists: Readonly<Record<string, readonly string[]>>, model: string): readonly string[] {
  return Object.hasOwn(lists, model) ? lists[model]! : [];
}

function standsIn({ reason }: EndpointLease, wanted: string, servesOthers: boolean): string {
  const which = servesOthers ? `${wanted} that has words for the request` : wanted;
  return `no endpoint of ${which} can serve now, and this model stands in for it: ${reason}`;
}
