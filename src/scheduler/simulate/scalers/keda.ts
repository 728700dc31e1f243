import { HorizontalPodAutoscaler, HPA_SYNC_MS, type ReplicaBounds, replicasForAverage } from './hpa.js';
import type { Scaler } from './scaler.js';

/**
 * KEDA's `nats-jetstream` scaler (keda.sh/docs/latest/scalers/nats-jetstream): the metric is `num_pending + num_ack_pending` of the
 * consumer, that is what waits and what runs, and each replica is to have `lagThreshold` of it. KEDA hands it to an HPA,
 * which does the rest.
 */
export function kedaScaler(
  lagThreshold: number,
  slotsPerWorker: number,
  firstReplicas: number,
  bounds: ReplicaBounds,
): Scaler {
  const hpa = new HorizontalPodAutoscaler(firstReplicas, bounds);
  return {
    name: 'keda',
    everyMs: HPA_SYNC_MS,
    decide({ inputs, waitingMessages, runningCalls }) {
      const desired = replicasForAverage(waitingMessages + runningCalls, lagThreshold, hpa.replicas);
      return hpa.sync(inputs.atMs, desired) * slotsPerWorker;
    },
  };
}
