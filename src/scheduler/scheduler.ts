import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LanePauses } from '../dispatch/lanes/lane-pauses.js';
import type { AdminEvent } from '../domain/admin/admin.events.js';
import type { ScaleDecided } from '../domain/admin/scale.events.js';
import { cloudEvent } from '../domain/cloud-event.events.js';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG, LOGGER } from '../platform/tokens.js';
import type { Actuator } from './actuators/actuator.port.js';
import { SchedulerLease } from './leader/nats/scheduler-lease.js';
import { decidedEvent, type Plan, plan, resumedStates, undecided } from './plan.policy.js';
import type { ScaleState } from './policy/scale-state.policy.js';
import { totalOf } from './policy/slots-by-lane.policy.js';
import { type CountedModel, LaneReader } from './readings/lane-reader.js';
import { ReadingsChannel } from './readings/nats/readings-channel.js';
import { readingsOf } from './readings/told-readings.js';
import { ScaleDecisions } from './scale-decisions.js';
import { SchedulerSettings } from './scheduler-settings.js';
import { orderedSlots, type SchedulerSection } from './scheduler-settings.policy.js';

export const ACTUATOR = Symbol('Actuator');

/** What operators share belongs to no tenant of clients. */
const TENANT = 'default';
const SELF = `${hostname()}:${process.pid}`;
/** A decision that takes longer to be stored is made anew, from newer readings. */
const RECORDED_WITHIN_MS = 2_000;

/**
 * The loop of the scheduler in one process. While the scheduler is enabled the process takes part in the choice of the
 * leader; while it leads, it reads, decides, records, orders and tells, once in an interval:
 *
 * 1. read the lanes, and what the actuator has; a size that nobody knows is no ground to decide on
 * 2. decide about each model; what is not recorded in the log is not decided
 * 3. order the sum, as long as it is not what is there: a worker that came, went or missed the last order gets it again
 * 4. tell everybody what was read
 *
 * Before each step that others see, it asks again whether it leads. A leader that is frozen between the question and the
 * step is fenced by its term: folds and workers refuse what an older one says.
 */
@Injectable()
export class Scheduler {
  private states = new Map<string, ScaleState>();
  private term: number | null = null;
  private running: Promise<void> | null = null;
  private wake: () => void = () => undefined;
  private isStopped = true;
  /** Of the last turn that had one; told once, however often it comes again. */
  private failure = '';
  private hasFailed = false;

  constructor(
    @Inject(SchedulerLease) private readonly lease: SchedulerLease,
    @Inject(SchedulerSettings) private readonly settings: Pick<SchedulerSettings, 'current'>,
    @Inject(LaneReader) private readonly reader: Pick<LaneReader, 'read'>,
    @Inject(ACTUATOR) private readonly actuator: Actuator,
    @Inject(ScaleDecisions) private readonly decisions: Pick<ScaleDecisions, 'latestOf'>,
    @Inject(ReadingsChannel) private readonly channel: Pick<ReadingsChannel, 'tell'>,
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'isPaused'>,
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'append'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'scheduler'>,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Whether this process decides now. */
  get leads(): boolean {
    return this.lease.term !== null;
  }

  start(): void {
    this.isStopped = false;
    this.running = this.run();
  }

  /** What is ordered stays; another process leads at once. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.wake();
    await this.running;
    await this.lease.stop();
    await this.actuator.close();
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const begunMs = this.sources.steadyMs();
      this.hasFailed = false;
      await this.turn().catch((error) => this.told(error));
      if (!this.hasFailed) this.failure = '';
      const tookMs = this.sources.steadyMs() - begunMs;
      await this.pause(Math.max(1, this.config.scheduler.interval_ms - tookMs));
    }
  }

  private async turn(): Promise<void> {
    const section = this.settings.current;
    if (!section.enabled) {
      this.forget();
      await this.lease.stop();
      return;
    }
    this.lease.start();
    const { term } = this.lease;
    if (term === null || term !== this.term) this.forget();
    this.term = term;
    if (term === null) return;
    const [models, slots] = await Promise.all([
      this.reader.read(),
      this.actuator.slots().catch((error) => this.told(error)),
    ]);
    if (this.lease.term !== term) return;
    if (slots !== null) await this.decide(models, slots, section, term);
    this.tell(models, slots, section, term);
  }

  private async decide(
    models: readonly CountedModel[],
    slots: number,
    section: SchedulerSection,
    term: number,
  ): Promise<void> {
    if (this.states.size === 0) this.resume(models, slots, section);
    const planned = plan(models, this.states, section, {
      ...{ atMs: this.sources.steadyMs(), slots, startDelayMs: this.actuator.startDelayMs },
      isPaused: (lane) => this.pauses.isPaused(lane),
    });
    const isRecorded = await this.record(planned, section, term);
    this.states = new Map(
      planned.planned.map((each) => [
        each.decision.model,
        isRecorded ? each.decision.state : undecided(each),
      ]),
    );
    const ordered = this.ordered(section);
    if (section.dry_run || ordered === slots || this.lease.term !== term) return;
    const reason = planned.planned
      .map(({ decision: { model, reason: why } }) => `${model}: ${why}`)
      .join('; ');
    await this.actuator.scale({ slots: ordered, term, reason });
  }

  /** The size does not change by a change of the leader, as far as the log tells how it came about. */
  private resume(models: readonly CountedModel[], slots: number, section: SchedulerSection): void {
    const decided = models.flatMap(({ model }) => {
      const latest = this.decisions.latestOf(model);
      return latest === null ? [] : [{ model, slots: latest.decided.lanes }];
    });
    this.states = resumedStates(decided, models.length, section, slots);
  }

  /** @returns whether all that changes is in the log */
  private async record(
    { planned, ordered }: Plan,
    section: SchedulerSection,
    term: number,
  ): Promise<boolean> {
    const changes = planned.filter(({ decision }) => decision.change !== 'none');
    if (changes.length === 0) return true;
    const { newId, nowMs } = this.sources;
    const at = new Date(nowMs()).toISOString();
    const about = {
      ...{ at, ordered, term, strategy: section.strategy, dry_run: section.dry_run },
      ...{ actuator: this.actuator.kind, by: SELF },
    };
    const decided = changes.map((change) => decidedEvent(change, about));
    const events = decided.map(
      (data) =>
        cloudEvent(
          { subject: data.model, tenant: TENANT, now: at, newId },
          'llmq.admin.scale-decided.v1',
          data,
        ) as AdminEvent,
    );
    try {
      await this.log.append(events, { timeoutMs: RECORDED_WITHIN_MS });
    } catch (error) {
      this.told(error);
      return false;
    }
    for (const each of decided) this.logDecision(each);
    return true;
  }

  private logDecision({ model, from, to, reason, dry_run: isDry }: ScaleDecided): void {
    this.logger.info(
      { model, from, to, reason },
      isDry ? 'a size is decided, and not ordered' : 'a size is decided',
    );
  }

  private ordered(section: SchedulerSection): number {
    return orderedSlots(
      [...this.states.values()].map(({ slots }) => totalOf(slots)),
      section,
    );
  }

  private tell(
    models: readonly CountedModel[],
    slots: number | null,
    section: SchedulerSection,
    term: number,
  ): void {
    const at = new Date(this.sources.nowMs()).toISOString();
    const wanted = this.states.size === 0 ? null : this.ordered(section);
    this.channel.tell(readingsOf(models, this.states, { term, at, slots, wanted_slots: wanted }));
  }

  private forget(): void {
    this.states = new Map();
    this.term = null;
  }

  private told(err: unknown): null {
    const failure = String(err);
    this.hasFailed = true;
    if (failure !== this.failure) this.logger.warn({ err }, 'the scheduler could not do what it wanted');
    this.failure = failure;
    return null;
  }

  private pause(ms: number): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
