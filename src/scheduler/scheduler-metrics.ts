import { Inject, Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import { LANES } from '../domain/message/lane.policy.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { KnownReadings } from './readings/known-readings.js';
import { isKnownLane } from './readings/scheduler-readings.js';
import { Scheduler } from './scheduler.js';
import { SchedulerSettings } from './scheduler-settings.js';

/**
 * What `/metrics` tells of the scheduler. Only the process that leads tells figures of lanes, so that sums over processes
 * count nothing twice. What is unknown or gone is left out: a series that ends is not one that is zero.
 */
@Injectable()
export class SchedulerMetrics {
  private readonly meter = metrics.getMeter('llm-message-queue');

  constructor(
    @Inject(Scheduler) private readonly scheduler: Pick<Scheduler, 'leads'>,
    @Inject(KnownReadings) private readonly readings: Pick<KnownReadings, 'current'>,
    @Inject(SchedulerSettings) private readonly settings: Pick<SchedulerSettings, 'current'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'metrics'>,
  ) {}

  start(): void {
    if (!this.config.metrics.enabled) return;
    this.gauge('leader', '1 where this process leads the schedulers').addCallback((result) =>
      result.observe(this.scheduler.leads ? 1 : 0),
    );
    this.gauge('enabled', '1 where the scheduler is switched on, for all processes').addCallback((result) =>
      result.observe(this.settings.current.enabled ? 1 : 0),
    );
    this.observeSizes();
    this.observeLanes();
    this.observeService();
  }

  private get told() {
    return this.scheduler.leads ? this.readings.current : null;
  }

  private observeSizes(): void {
    const slots = this.gauge('slots', 'Slots that take calls, or were ordered and will');
    const ordered = this.gauge('ordered_slots', 'Slots that are wanted for all models together');
    const wanted = this.gauge('wanted_slots', 'Slots that are wanted for the model');
    this.meter.addBatchObservableCallback(
      (result) => {
        const { told } = this;
        if (told === null) return;
        if (told.slots !== null) result.observe(slots, told.slots);
        if (told.wanted_slots !== null) result.observe(ordered, told.wanted_slots);
        for (const { model, wanted_slots: size } of told.models)
          if (size !== null) result.observe(wanted, size, { model });
      },
      [slots, ordered, wanted],
    );
  }

  private observeLanes(): void {
    const known = this.gauge('known', '1 where the lane of the model could be read, 0 where it is unknown');
    const waiting = this.gauge('waiting', 'Messages of the lane and model that no slot serves');
    const redelivering = this.gauge('redelivering', 'Those of them that were handed out before');
    const running = this.gauge('running', 'Calls of the lane and model under way');
    const oldest = this.gauge('oldest_age_seconds', 'Age of the oldest message that no worker has taken');
    const arrivals = this.gauge('arrivals_per_second', 'Messages per second that came of late');
    const due = this.gauge('due_within_minute', 'Waiting messages whose deadline is within a minute');
    const tokens = this.gauge('waiting_tokens', 'Tokens that waiting messages ask with, by a sample of them');
    this.meter.addBatchObservableCallback(
      (result) => {
        for (const { model, lanes } of this.told?.models ?? []) {
          for (const lane of LANES) {
            const figures = lanes[lane];
            const about = { model, lane };
            result.observe(known, isKnownLane(figures) ? 1 : 0, about);
            if (!isKnownLane(figures)) continue;
            result.observe(waiting, figures.waiting, about);
            result.observe(redelivering, figures.redelivering, about);
            result.observe(running, figures.running, about);
            result.observe(oldest, figures.oldest_age_seconds, about);
            if (figures.arrivals_per_second !== null)
              result.observe(arrivals, figures.arrivals_per_second, about);
            if (figures.due_within_minute !== null) result.observe(due, figures.due_within_minute, about);
            if (figures.waiting_tokens !== null) result.observe(tokens, figures.waiting_tokens, about);
          }
        }
      },
      [known, waiting, redelivering, running, oldest, arrivals, due, tokens],
    );
  }

  private observeService(): void {
    const seconds = this.gauge('seconds_per_message', 'How long a call of the model holds its slot');
    const tokens = this.gauge(
      'tokens_per_second_and_slot',
      'Tokens of calls that a busy slot ends in a second',
    );
    this.meter.addBatchObservableCallback(
      (result) => {
        for (const { model, service } of this.told?.models ?? []) {
          const { seconds_per_message: perMessage, tokens_per_second_and_slot: perSecond } = service;
          if (perMessage !== null) result.observe(seconds, perMessage, { model });
          if (perSecond !== null) result.observe(tokens, perSecond, { model });
        }
      },
      [seconds, tokens],
    );
  }

  private gauge(name: string, description: string) {
    return this.meter.createObservableGauge(`llmq.scheduler.${name}`, { description });
  }
}
