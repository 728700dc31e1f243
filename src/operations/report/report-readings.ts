import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { natsDurability } from '../../broker/nats-durability.js';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { LANES } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';
import type { EventLog } from '../../log/event-log.port.js';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { NatsStore } from '../../platform/embedded/nats-store.js';
import { EVENT_LOG, NATS_STORE } from '../../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../../projection/fold/projector.port.js';
import { LogAgreement } from '../../projection/read/log-agreement.js';
import { OutcomeFigures } from '../../projection/read/outcome-figures.js';
import { ProjectionHealth } from '../../projection/read/projection-health.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { QueueFigures } from '../../projection/read/queue-figures.js';
import { WebhookReader } from '../../projection/read/webhook-reader.js';
import { KnownReadings } from '../../scheduler/readings/known-readings.js';
import { isKnownLane, lanesInAll } from '../../scheduler/readings/scheduler-readings.js';
import { SchedulerSettings } from '../../scheduler/scheduler-settings.js';
import { EndpointDirectory } from '../endpoints/endpoint-directory.js';
import { EndpointStats } from '../endpoints/endpoint-stats.js';
import { STATUS_SPAN_MS, waitingOf } from '../queues/queue-status.js';
import {
  type EndpointSignal,
  isKnown,
  type LaneSignal,
  type Signal,
  type Signals,
} from './signals.policy.js';

/** What takes longer is not known: a report that is asked for at night has to come. */
const ANSWER_WITHIN_MS = 3_000;
/** So long the tables are watched on their way to the log's end. */
const CATCH_UP_MS = 2_000;
/** Workers tell of themselves once a second: who has listened for less has no right to miss one. */
const LISTENS_FOR_MS = 4_000;
const SPAN_MS = 3_600_000;
/** As the promise has it: so many servers that hold a message stand for a disk that was written to. */
const ENOUGH_REPLICAS = 3;

const IN_TIME = `no answer in ${ANSWER_WITHIN_MS / 1_000} s`;

/** Reads what a report is made from, each part for itself, so that one that is silent hides no other. */
@Injectable()
export class ReportReadings {
  private readonly sinceMs: number;

  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'lastSequence' | 'hindrance'>,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'state' | 'advice'>,
    @Inject(LaneLagReader) private readonly lag: Pick<LaneLagReader, 'read'>,
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'pauseOf'>,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(EndpointDirectory) private readonly directory: EndpointDirectory,
    @Inject(EndpointStats) private readonly stats: EndpointStats,
    @Inject(QueueFigures) private readonly figures: Pick<QueueFigures, 'lanes'>,
    @Inject(OutcomeFigures) private readonly outcomes: OutcomeFigures,
    @Inject(WebhookReader) private readonly webhooks: Pick<WebhookReader, 'backlog'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor' | 'applied'>,
    @Inject(ProjectionHealth) private readonly tables: Pick<ProjectionHealth, 'check' | 'lag'>,
    @Inject(LogAgreement) private readonly agreement: Pick<LogAgreement, 'lostRecords'>,
    @Inject(KnownReadings) private readonly readings: Pick<KnownReadings, 'current'>,
    @Inject(SchedulerSettings) private readonly settings: Pick<SchedulerSettings, 'current'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'nats'>,
    @Inject(NATS_STORE) private readonly store: NatsStore | null,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'steadyMs'>,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {
    this.sinceMs = sources.steadyMs();
  }

  /** Never rejects. */
  async read(): Promise<Signals> {
    const { outcomes } = this;
    // Each of these waits for nothing that another one waits for.
    const [log, lanes, oldest, ended, attempts, webhooks, tables] = await Promise.all([
      this.logSignal(),
      this.lanes(),
      inTime(this.oldest()),
      inTime(outcomes.ended(SPAN_MS)),
      inTime(outcomes.attempts(SPAN_MS)),
      inTime(this.webhooks.backlog()),
      this.tablesSignal(),
    ]);
    return {
      ...{ log, lanes, oldest, ended, attempts, webhooks, tables },
      workers: this.workersSignal(),
      endpoints: { value: this.directory.list().map((known) => this.endpoint(known)) },
      durability: this.durability(),
      scheduler: this.scheduler(),
    };
  }

  private async logSignal(): Promise<Signals['log']> {
    const asked = await inTime(Promise.all([this.log.hindrance(), this.log.lastSequence()]));
    if (!isKnown(asked)) return { value: { answers: false, error: asked.unknown } };
    const [hindrance] = asked.value;
    return { value: { answers: true, room: this.room.state.kind, text: this.room.advice, hindrance } };
  }

  private async lanes(): Promise<Signal<readonly LaneSignal[]>> {
    const read = await inTime(this.lag.read());
    if (!isKnown(read)) return read;
    const { workers } = this;
    const told = LANES.map((lane) => {
      const running = workers.running(lane);
      const waiting = waitingOf(read.value.get(lane), running);
      return { lane, waiting, running, startable: workers.startable(lane), pause: this.pauses.pauseOf(lane) };
    });
    const known = told.filter((each): each is LaneSignal => each.waiting !== null);
    return known.length === LANES.length ? { value: known } : { unknown: 'NATS did not tell of the lanes' };
  }

  private async oldest(): Promise<Record<(typeof LANES)[number], number | null>> {
    const lanes = await this.figures.lanes(STATUS_SPAN_MS);
    const nowMs = this.sources.nowMs();
    return perLaneOf((lane) => {
      const since = lanes.get(lane)?.oldestWaitingSince ?? null;
      return since === null ? null : Math.max(0, (nowMs - Date.parse(since)) / 1_000);
    });
  }

  private workersSignal(): Signals['workers'] {
    const { count, slots, runningInAll: running } = this.workers;
    if (count === 0 && this.sources.steadyMs() - this.sinceMs < LISTENS_FOR_MS)
      return { unknown: 'this process has just begun to listen to workers' };
    return { value: { count, slots, running } };
  }

  private endpoint(known: ReturnType<EndpointDirectory['list']>[number]): EndpointSignal {
    const { name, models } = this.stats.of(known);
    return {
      ...{ name, drained: known.drained !== null },
      models: models.map(({ model, status }) => ({
        model,
        state: status?.state ?? null,
        reason: status?.reason ?? '',
        coolsForSeconds: Math.ceil((status?.coolsForMs ?? 0) / 1_000),
      })),
    };
  }

  private async tablesSignal(): Promise<Signals['tables']> {
    const asked = await inTime(Promise.all([this.log.hindrance(), this.log.lastSequence()]));
    if (!isKnown(asked)) return { unknown: `the log's end is not known: ${asked.unknown}` };
    const [hindrance, last] = asked.value;
    // The tables are compared with the log, which answers late then: that is not theirs.
    if (hindrance !== null) return { unknown: `the log's end is not known: ${hindrance}` };
    const before = this.position.applied;
    const caughtUp = await this.position.waitFor(last, CATCH_UP_MS);
    const told = await inTime(Promise.all([this.tables.check(), this.tables.lag()]));
    if (!isKnown(told)) return { value: { answers: false, error: told.unknown } };
    const [{ ok, detail }, lag] = told.value;
    const { lostRecords } = this.agreement;
    const stop = this.stopHere() ?? (ok ? null : detail);
    return {
      value: { answers: true, lag, caughtUp, moved: this.position.applied > before, stop, lostRecords },
    };
  }

  /** Of a projector in this process, which says why it stopped at once. It is not there in every role. */
  private stopHere(): string | null {
    try {
      const { running, error } = this.modules.get<ProcessProjector>(PROJECTOR, { strict: false }).health;
      return running ? null : error;
    } catch {
      return null;
    }
  }

  private durability(): Signals['durability'] {
    const { replicas } = this.config.nats;
    const { fsync, text } = natsDurability(this.store !== null);
    if (fsync === 'per_write') return { value: text };
    if (replicas >= ENOUGH_REPLICAS) return { value: `${replicas} servers hold each message.` };
    return {
      unknown: 'whether your NATS writes to its disk before it acknowledges can not be seen from here',
    };
  }

  private scheduler(): Signals['scheduler'] {
    if (!this.settings.current.enabled) return { value: null };
    const { current } = this.readings;
    if (current === null) return { unknown: 'no leader of the schedulers is heard' };
    const lanes = lanesInAll(current);
    return {
      value: {
        ...{ slots: current.slots, wantedSlots: current.wanted_slots },
        oldestSeconds: perLaneOf((lane) => {
          const figures = lanes[lane];
          return isKnownLane(figures) ? figures.oldest_age_seconds : null;
        }),
      },
    };
  }
}

async function inTime<T>(asked: Promise<T>): Promise<Signal<T>> {
  const told = asked.then(
    (value): Signal<T> => ({ value }),
    (error: unknown) => ({ unknown: error instanceof Error ? error.message : String(error) }),
  );
  return Promise.race([told, sleep(ANSWER_WITHIN_MS, { unknown: IN_TIME }, { ref: false })]);
}
