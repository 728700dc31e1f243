import { status } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, RpcException } from '@nestjs/microservices';
import { defer, distinctUntilChanged, finalize, map, type Observable, timer } from 'rxjs';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { KnownReadings } from '../../scheduler/readings/known-readings.js';
import { scaleReadingOf } from './scale-reading.js';
import {
  isActive,
  measured,
  metricNameOf,
  type ScaleReading,
  type Trigger,
  triggerIn,
} from './trigger.policy.js';

/** As `external-scaler.definition` has them. */
interface ScaledObjectRef {
  readonly scalerMetadata?: Readonly<Record<string, string>>;
}
interface GetMetricsRequest {
  readonly scaledObjectRef?: ScaledObjectRef | null;
  readonly metricName?: string;
}
interface IsActive {
  readonly result: boolean;
}
interface MetricSpecs {
  readonly metricSpecs: readonly { metricName: string; targetSize: number; targetSizeFloat: number }[];
}
interface MetricValues {
  readonly metricValues: readonly { metricName: string; metricValue: number; metricValueFloat: number }[];
}

const SERVICE = 'ExternalScaler';
/** As often as readings are made. */
const LOOK_EVERY_MS = 1_000;
/** A KEDA holds one for each ScaledObject. */
const MOST_STREAMS = 1_000;

/**
 * KEDA's external scaler. What is not known is told as UNAVAILABLE: then KEDA keeps the replicas that there are, or does
 * what the ScaledObject's `fallback` says. A zero in its place would take away the workers that the queue needs.
 */
@Controller()
export class ExternalScaler {
  private streams = 0;

  constructor(
    private readonly readings: KnownReadings,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'queue' | 'scheduler'>,
  ) {}

  @GrpcMethod(SERVICE, 'IsActive')
  isActive(ref: ScaledObjectRef): IsActive {
    return { result: this.activity(this.triggerOf(ref)) };
  }

  /** Told at once, then when it changes. It ends with an error when it is not known any more; KEDA asks again. */
  @GrpcMethod(SERVICE, 'StreamIsActive')
  streamIsActive(ref: ScaledObjectRef): Observable<IsActive> {
    const trigger = this.triggerOf(ref);
    return defer(() => {
      if (this.streams >= MOST_STREAMS)
        throw failure(status.RESOURCE_EXHAUSTED, `${MOST_STREAMS} streams are open, which is the limit`);
      this.streams += 1;
      return timer(0, LOOK_EVERY_MS).pipe(
        map(() => this.activity(trigger)),
        distinctUntilChanged(),
        map((result) => ({ result })),
        finalize(() => {
          this.streams -= 1;
        }),
      );
    });
  }

  /** Known whatever the queue is like: without it KEDA makes no autoscaler. */
  @GrpcMethod(SERVICE, 'GetMetricSpec')
  getMetricSpec(ref: ScaledObjectRef): MetricSpecs {
    const trigger = this.triggerOf(ref);
    const targetSize = Math.max(1, Math.round(trigger.target));
    return {
      metricSpecs: [{ metricName: metricNameOf(trigger), targetSize, targetSizeFloat: trigger.target }],
    };
  }

  @GrpcMethod(SERVICE, 'GetMetrics')
  getMetrics({ scaledObjectRef, metricName }: GetMetricsRequest): MetricValues {
    const trigger = this.triggerOf(scaledObjectRef ?? {});
    const name = metricNameOf(trigger);
    if (metricName !== undefined && metricName !== '' && metricName !== name)
      throw failure(status.NOT_FOUND, `the trigger's metric is ${name}, not ${metricName.slice(0, 100)}`);
    const value = this.known(trigger, (reading) => measured(trigger, reading));
    // Upwards, for a KEDA that reads whole numbers only: a little work is work.
    return { metricValues: [{ metricName: name, metricValue: Math.ceil(value), metricValueFloat: value }] };
  }

  private triggerOf({ scalerMetadata }: ScaledObjectRef): Trigger {
    const { queue, scheduler } = this.config;
    const slotsPerReplica = scheduler.slots_per_worker ?? queue.worker.concurrency;
    const trigger = triggerIn(scalerMetadata ?? {}, slotsPerReplica);
    if ('problem' in trigger) throw failure(status.INVALID_ARGUMENT, trigger.problem);
    return trigger;
  }

  private activity(trigger: Trigger): boolean {
    return this.known(trigger, (reading) => isActive(trigger, reading));
  }

  private known<T>(trigger: Trigger, of: (reading: ScaleReading) => T | null): T {
    const { current } = this.readings;
    if (current === null) throw unknown(trigger, 'no scheduler is heard; see scheduler.enabled');
    const reading = scaleReadingOf(trigger, current);
    if (reading === null) throw unknown(trigger, `the scheduler knows no model ${trigger.model}`);
    const known = of(reading);
    if (known === null) throw unknown(trigger, 'the scheduler does not know it now');
    return known;
  }
}

function unknown({ metric }: Trigger, why: string): RpcException {
  return failure(status.UNAVAILABLE, `${metric} is not known: ${why}`);
}

function failure(code: status, message: string): RpcException {
  return new RpcException({ code, message });
}
