import type { CallSign } from '../health/call-sign.state.js';
import type { EndpointWatches } from '../health/endpoint-watches.js';
import type { ModelCall, ModelEndpoint } from '../model-endpoint.port.js';
import type { Deployment } from './deployment.js';
import type { EndpointLease } from './endpoint-lease.js';
import type { Openings } from './openings.js';
import type { RegistryEvents } from './registry-events.js';

/** Told with the first piece: it serves. What becomes of the answer is told, and counted, at its end. */
const SERVES: CallSign = { kind: 'rejected' };

/** Hands out the places at deployments, and takes them back. */
export class Leases {
  constructor(
    private readonly openings: Openings,
    private readonly watches: EndpointWatches,
    private readonly events: RegistryEvents,
    private readonly nowMs: () => number,
  ) {}

  /** For a call that begins now. */
  take(deployment: Deployment, reason: string, nowMs: number, tokens: number | null): EndpointLease {
    const { entry, offer, watch, name } = deployment;
    const { endpoint: at, limits } = entry;
    let held = true;
    let told: CallSign | null = null;
    entry.take();
    const use = limits.begin(nowMs, tokens);
    const wasTry = watch.begin(nowMs, deployment.part);
    if (!watch.isCalm) this.openings.wakeInTime([deployment], nowMs);
    const ended = (sign: CallSign) => {
      if (told !== null) return;
      told = sign;
      if (sign.kind === 'not_now') limits.refund(use);
      else if (sign.kind === 'answered' && sign.tokens !== null) limits.settle(use, sign.tokens);
      this.watches.told(deployment, sign, nowMs);
    };
    const release = () => {
      if (!held) return;
      held = false;
      entry.free(at);
      watch.end(wasTry);
      limits.onIdle();
      const tookMs = this.nowMs() - nowMs;
      this.events.emit('ended', { endpoint: name.endpoint, model: name.model, sign: told, tookMs });
      this.openings.afterRelease(deployment);
    };
    // The whole answer can take minutes; that the deployment serves again is known with the first piece.
    const proves = () => this.watches.told(deployment, SERVES, nowMs);
    const endpoint = wasTry ? tellingFirstPiece(at, proves) : at;
    this.events.emit('began', name);
    return { kind: 'leased', endpoint, model: offer.name, offer, reason, ended, release };
  }
}

function tellingFirstPiece(endpoint: ModelEndpoint, tell: () => void): ModelEndpoint {
  let isTold = false;
  const call = (asked: ModelCall) =>
    endpoint.call({
      ...asked,
      onDelta: (delta) => {
        if (!isTold) tell();
        isTold = true;
        asked.onDelta(delta);
      },
    });
  const { name, models, maxConcurrency } = endpoint;
  return { name, models, maxConcurrency, call, close: () => endpoint.close() };
}
