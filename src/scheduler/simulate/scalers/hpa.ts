/**
 * The rules of Kubernetes' HorizontalPodAutoscaler with the defaults of `autoscaling/v2`
 * (kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale, "Algorithm details" and "Default behavior"): every 15 s;
 * no change while the metric is within 10 % of its target; up by four replicas or by as many as there are in 15 s, whichever
 * is more; down to the highest number that was recommended within 300 s.
 */
export const HPA_SYNC_MS = 15_000;
const TOLERANCE = 0.1;
const DOWN_STABILISATION_MS = 300_000;
const MOST_PODS_UP = 4;

export interface ReplicaBounds {
  readonly least: number;
  readonly most: number;
}

/** For a target of the type `AverageValue`: each replica is to have so much of the metric. */
export function replicasForAverage(value: number, target: number, current: number): number {
  const ratio = value / (target * current);
  return current > 0 && Math.abs(1 - ratio) <= TOLERANCE ? current : Math.ceil(value / target);
}

/** For a target of the type `Value`: the metric itself is to be so much. */
export function replicasForValue(value: number, target: number, current: number): number {
  const ratio = value / target;
  return Math.abs(1 - ratio) <= TOLERANCE ? current : Math.ceil(current * ratio);
}

export class HorizontalPodAutoscaler {
  private recommended: { atMs: number; replicas: number }[] = [];

  constructor(
    private current: number,
    private readonly bounds: ReplicaBounds,
  ) {}

  get replicas(): number {
    return this.current;
  }

  sync(atMs: number, desired: number): number {
    this.recommended = this.recommended.filter((one) => one.atMs > atMs - DOWN_STABILISATION_MS);
    this.recommended.push({ atMs, replicas: desired });
    const highest = Math.max(...this.recommended.map(({ replicas }) => replicas));
    const steady = desired < this.current ? Math.min(this.current, highest) : desired;
    const mostNow = Math.max(this.current + MOST_PODS_UP, 2 * this.current);
    this.current = Math.max(this.bounds.least, Math.min(steady, mostNow, this.bounds.most));
    return this.current;
  }
}
