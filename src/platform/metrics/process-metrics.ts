import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { type Meter, metrics } from '@opentelemetry/api';
import { VERSION } from '../version.js';

/** How often the event loop's delay is looked at. What is measured is the time between two looks, this one included. */
const LOOK_EVERY_MS = 20;
const NANOS_PER_MS = 1e6;
const MICROS = 1e6;

/**
 * What a process tells of itself: its build, its event loop and its memory, under the names that Prometheus' own clients
 * have for them.
 *
 * @param startedMs when the process began, Unix time in milliseconds
 */
export function observeProcess(startedMs: number): void {
  const meter = metrics.getMeter('llm-message-queue');
  const about = { version: VERSION, node: process.version };
  gauge(meter, 'llmq.build_info', '1, with the version of the service and of Node as labels', () => [
    [1, about],
  ]);
  gauge(meter, 'process.start_time_seconds', 'When the process began, in Unix time', () => [
    [startedMs / 1_000],
  ]);
  observeCpu(meter);
  observeMemory(meter);
  observeEventLoop(meter);
}

type Told = readonly (readonly [value: number, labels?: Readonly<Record<string, string>>])[];

function gauge(meter: Meter, name: string, description: string, read: () => Told): void {
  meter.createObservableGauge(name, { description }).addCallback((result) => {
    for (const [value, labels] of read()) result.observe(value, labels);
  });
}

function observeCpu(meter: Meter): void {
  meter
    .createObservableCounter('process.cpu_seconds', { description: 'CPU time that the process has used' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / MICROS);
    });
}

function observeMemory(meter: Meter): void {
  const resident = meter.createObservableGauge('process.resident_memory_bytes', {
    description: 'Memory of the process that is in RAM',
  });
  const used = meter.createObservableGauge('nodejs.heap_size_used_bytes', {
    description: 'Memory that JavaScript objects use',
  });
  const total = meter.createObservableGauge('nodejs.heap_size_total_bytes', {
    description: 'Memory that V8 has for JavaScript objects',
  });
  const external = meter.createObservableGauge('nodejs.external_memory_bytes', {
    description: 'Memory of buffers and of what else JavaScript objects stand for',
  });
  meter.addBatchObservableCallback(
    (result) => {
      const memory = process.memoryUsage();
      result.observe(resident, memory.rss);
      result.observe(used, memory.heapUsed);
      result.observe(total, memory.heapTotal);
      result.observe(external, memory.external);
    },
    [resident, used, total, external],
  );
}

function observeEventLoop(meter: Meter): void {
  const delay = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
  delay.enable();
  const p99 = meter.createObservableGauge('nodejs.eventloop_lag_p99_seconds', {
    description: 'By how much the event loop was late, since the last reading: 99 of 100 looks found less',
  });
  const most = meter.createObservableGauge('nodejs.eventloop_lag_max_seconds', {
    description: 'By how much the event loop was late at most, since the last reading',
  });
  const active = meter.createObservableCounter('nodejs.eventloop_active_seconds', {
    description: 'Time in which the event loop had something to do',
  });
  meter.addBatchObservableCallback(
    (result) => {
      if (delay.count > 0) {
        result.observe(p99, late(delay.percentile(99)));
        result.observe(most, late(delay.max));
        delay.reset();
      }
      result.observe(active, performance.eventLoopUtilization().active / 1_000);
    },
    [p99, most, active],
  );
}

/** In seconds. */
function late(betweenLooksNanos: number): number {
  return Math.max(0, betweenLooksNanos / NANOS_PER_MS - LOOK_EVERY_MS) / 1_000;
}
