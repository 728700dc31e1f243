import { LANES } from '../../../domain/message/lane.policy.js';
import { isKnown } from '../../policy/scale-inputs.policy.js';
import {
  HorizontalPodAutoscaler,
  HPA_SYNC_MS,
  type ReplicaBounds,
  replicasForAverage,
  replicasForValue,
} from './hpa.js';
import type { FleetView, Scaler } from './scaler.js';

/** How full the key-value caches of the replicas may be; here, how many of the slots may be busy. */
const FULL = 0.8;

/**
 * llm-d's token-aware scaling (llm-d.ai/docs/dev/operations/autoscaling/token-aware): queued tokens, divided by the tokens that
 * a replica does in a second, are seconds of wait, of which each replica may have so many; beside it, the caches of the
 * replicas may be filled to 80 %. An HPA takes what asks for more.
 */
export function llmdScaler(
  waitAllowedSeconds: number,
  slotsPerWorker: number,
  firstReplicas: number,
  bounds: ReplicaBounds,
): Scaler {
  const hpa = new HorizontalPodAutoscaler(firstReplicas, bounds);
  return {
    name: 'llm-d',
    everyMs: HPA_SYNC_MS,
    decide(view) {
      const waitSeconds = queuedSlotSeconds(view) / slotsPerWorker;
      const byQueue = replicasForAverage(waitSeconds, waitAllowedSeconds, hpa.replicas);
      const full = view.readySlots === 0 ? 1 : view.runningCalls / view.readySlots;
      const byCache = replicasForValue(full, FULL, hpa.replicas);
      return hpa.sync(view.inputs.atMs, Math.max(byQueue, byCache)) * slotsPerWorker;
    },
  };
}

function queuedSlotSeconds({ inputs: { lanes, service } }: FleetView): number {
  if (!isKnown(service) || service.servedTokens === null || service.servedTokens === 0) return 0;
  const perToken = service.busyMs / 1000 / service.servedTokens;
  return LANES.reduce((sum, lane) => {
    const reading = lanes[lane];
    return sum + (isKnown(reading) ? (reading.waitingTokens ?? 0) * perToken : 0);
  }, 0);
}
