import { type DynamicModule, Inject, Module, type OnApplicationBootstrap, Optional } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import type { NatsDurability } from '../broker/nats-durability.js';
import { EndpointRegistry } from '../dispatch/endpoints/endpoint-registry.js';
import { EndpointsModule } from '../dispatch/endpoints/endpoints.module.js';
import { LaneLagReader } from '../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../dispatch/lanes/lane-pauses.js';
import { LaneStateModule } from '../dispatch/lanes/lane-state.module.js';
import { DispatcherModule } from '../dispatch/worker/dispatcher.module.js';
import { Worker } from '../dispatch/worker/worker.js';
import { WorkerRegistry } from '../dispatch/workers/worker-registry.js';
import { LANES } from '../domain/message/lane.policy.js';
import { Intake } from '../interfaces/nats/intake/intake.js';
import { NatsIntakeModule } from '../interfaces/nats/intake/nats-intake.module.js';
import { OpenAiBatchesModule } from '../interfaces/openai/batches/openai-batches.module.js';
import { ENDINGS } from '../interfaces/websocket/closing.policy.js';
import { OpenClients } from '../interfaces/websocket/open-clients.js';
import { WebSocketModule } from '../interfaces/websocket/websocket.module.js';
import { LogRoom } from '../log/room/log-room.js';
import { ENDED_STATUSES, OPEN_STATUSES } from '../operations/batches/batch.state.js';
import { BatchRunner } from '../operations/batches/runner/batch-runner.js';
import { WebhookSender } from '../operations/webhooks/webhook-sender.js';
import { WebhooksModule } from '../operations/webhooks/webhooks.module.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { type Role, SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { observeProcess } from '../platform/metrics/process-metrics.js';
import { NATS_DURABILITY } from '../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../projection/fold/projector.port.js';
import { ProjectionReaderModule, ProjectorModule } from '../projection/projection.module.js';
import { LogAgreement } from '../projection/read/log-agreement.js';
import { ProjectionHealth } from '../projection/read/projection-health.js';
import { MetricsController } from './metrics.controller.js';
import { TableMetrics } from './table-metrics.js';

const ENDPOINT_STATES = ['healthy', 'degraded', 'unhealthy', 'draining'] as const;

/**
 * What `/metrics` tells of states: the process itself, the lanes' lag and the room of the log in every process, and what the process's
 * own roles do. All of it is read when somebody asks. Leaves out what is counted where it happens (`Measures`), and traces.
 */
@Module({})
export class ServiceMetricsModule implements OnApplicationBootstrap {
  private readonly meter = metrics.getMeter('llm-message-queue');

  constructor(
    @Inject(LaneLagReader) private readonly lag: LaneLagReader,
    @Inject(LanePauses) private readonly pauses: LanePauses,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(LogRoom) private readonly room: LogRoom,
    @Inject(NATS_DURABILITY) private readonly durability: Pick<NatsDurability, 'fsync'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'nats' | 'metrics'>,
    @Inject(TableMetrics) private readonly ofTables: TableMetrics,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
    @Optional() @Inject(EndpointRegistry) private readonly endpoints?: EndpointRegistry,
    @Optional() @Inject(Worker) private readonly worker?: Worker,
    @Optional() @Inject(PROJECTOR) private readonly projector?: ProcessProjector,
    @Optional() @Inject(ProjectionHealth) private readonly tables?: ProjectionHealth,
    @Optional() @Inject(LogAgreement) private readonly agreement?: LogAgreement,
    @Optional() @Inject(WebhookSender) private readonly webhooks?: WebhookSender,
    @Optional() @Inject(BatchRunner) private readonly batches?: BatchRunner,
    @Optional() @Inject(OpenClients) private readonly webSockets?: OpenClients,
    @Optional() @Inject(Intake) private readonly intake?: Intake,
  ) {}

  static of(roles: ReadonlySet<Role>): DynamicModule {
    return {
      module: ServiceMetricsModule,
      imports: [
        LaneStateModule,
        ProjectionReaderModule,
        ...(roles.has('api') ? [OpenAiBatchesModule, WebhooksModule, WebSocketModule] : []),
        ...(roles.has('intake') ? [NatsIntakeModule] : []),
        ...(roles.has('worker') ? [DispatcherModule, EndpointsModule] : []),
        ...(roles.has('projector') ? [ProjectorModule] : []),
      ],
      providers: [TableMetrics],
      controllers: [MetricsController],
    };
  }

  onApplicationBootstrap(): void {
    if (!this.config.metrics.enabled) return;
    observeProcess(this.sources.nowMs() - process.uptime() * 1_000);
    this.ofTables.observePool();
    this.observeLanes();
    this.observeLog();
    if (this.endpoints !== undefined) this.observeEndpoints(this.endpoints);
    if (this.worker !== undefined) this.observeWorker(this.worker);
    if (this.projector !== undefined) {
      this.observeProjector(this.projector);
      this.ofTables.observeLanes(this.projector);
    }
    if (this.webhooks !== undefined) this.observeWebhooks(this.webhooks);
    if (this.batches !== undefined) this.observeBatches(this.batches);
    if (this.webSockets !== undefined) this.observeWebSockets(this.webSockets);
    if (this.intake !== undefined) this.observeIntake(this.intake);
    const { agreement } = this;
    if (agreement === undefined) return;
    this.gauge(
      'llmq.log.lost_records',
      'Records that the log has lost, as far as the tables tell',
    ).addCallback((result) => result.observe(agreement.lostRecords));
  }

  private observeLanes(): void {
    const waiting = this.gauge('llmq.lane.waiting', 'Messages in the lane that no worker has taken');
    const delivered = this.gauge(
      'llmq.lane.delivered',
      'Messages of the lane that workers have and did not settle',
    );
    const held = this.gauge('llmq.lane.held', 'Deprecated: the old name of llmq_lane_delivered');
    const running = this.gauge('llmq.lane.running', 'Calls of the lane under way in all processes');
    const capacity = this.gauge('llmq.lane.capacity', 'The most calls of the lane at once in all processes');
    const drain = this.gauge('llmq.lane.drain_rate', 'Messages per second that recently left the lane');
    const paused = this.gauge('llmq.lane.paused', '1 where an admin paused the lane');
    this.meter.addBatchObservableCallback(
      async (result) => {
        for (const [lane, lag] of await this.lag.read()) {
          result.observe(waiting, lag.waiting, { lane });
          for (const gauge of [delivered, held]) result.observe(gauge, lag.delivered, { lane });
          if (lag.drainRate !== null) result.observe(drain, lag.drainRate, { lane });
        }
        for (const lane of LANES) {
          result.observe(running, this.workers.running(lane), { lane });
          result.observe(capacity, this.workers.capacity(lane), { lane });
          result.observe(paused, this.pauses.isPaused(lane) ? 1 : 0, { lane });
        }
      },
      [waiting, delivered, held, running, capacity, drain, paused],
    );
  }

  private observeLog(): void {
    const open = this.gauge('llmq.log.open', '1 where the log stores, and has room for new messages');
    const free = this.gauge('llmq.log.free_bytes', 'Free bytes on the disk of the embedded NATS server');
    const used = this.gauge('llmq.log.used_bytes', 'Bytes that the log uses of its limit');
    const limit = this.gauge('llmq.log.limit_bytes', 'The most bytes that the store of the log may hold');
    const fsynced = this.gauge(
      'llmq.log.fsynced',
      '1 where each write is known to be on disk when it is told',
    );
    const replicas = this.gauge('llmq.log.replicas', 'Copies of each stream, as configured');
    this.meter.addBatchObservableCallback(
      (result) => {
        const { freeBytes, usedBytes, limitBytes } = this.room.reading;
        result.observe(open, this.room.state.kind === 'open' ? 1 : 0);
        result.observe(fsynced, this.durability.fsync === 'per_write' ? 1 : 0);
        result.observe(replicas, this.config.nats.replicas);
        if (freeBytes !== null) result.observe(free, freeBytes);
        if (usedBytes !== null) result.observe(used, usedBytes);
        if (limitBytes !== null) result.observe(limit, limitBytes);
      },
      [open, free, used, limit, fsynced, replicas],
    );
  }

  private observeEndpoints(endpoints: EndpointRegistry): void {
    const state = this.gauge('llmq.endpoint.state', '1 for the state that the model at the endpoint is in');
    const share = this.gauge('llmq.endpoint.share', 'The part of its usual calls that it gets, 0 to 1');
    const cools = this.gauge('llmq.endpoint.cooldown', 'Seconds until it may be called again');
    const pace = this.gauge(
      'llmq.endpoint.pace',
      'Calls per second that it is known to take, where it limits them',
    );
    const taken = this.gauge('llmq.endpoint.running', 'Calls to the endpoint under way in this process');
    this.meter.addBatchObservableCallback(
      (result) => {
        for (const each of endpoints.watches.statuses()) {
          const about = { endpoint: each.endpoint, model: each.model };
          for (const name of ENDPOINT_STATES) {
            result.observe(state, each.state === name ? 1 : 0, { ...about, state: name });
          }
          result.observe(share, each.share, about);
          result.observe(cools, each.coolsForMs / 1_000, about);
          if (each.perSecond !== null) result.observe(pace, each.perSecond, about);
        }
        for (const { name, taken: running } of endpoints.states()) {
          result.observe(taken, running, { endpoint: name });
        }
      },
      [state, share, cools, pace, taken],
    );
  }

  private observeWorker(worker: Worker): void {
    const running = this.gauge('llmq.worker.running', 'Calls to models under way in this process');
    const ready = this.gauge('llmq.worker.ready', 'Messages held ready in this process');
    const done = this.meter.createObservableCounter('llmq.worker.messages', {
      description: 'What this worker did with messages since its start',
    });
    this.meter.addBatchObservableCallback(
      (result) => {
        const { status } = worker;
        result.observe(running, status.running);
        for (const [lane, count] of Object.entries(status.ready)) result.observe(ready, count, { lane });
        for (const [what, count] of Object.entries(status.counters)) result.observe(done, count, { what });
      },
      [running, ready, done],
    );
  }

  private observeProjector(projector: ProcessProjector): void {
    const lag = this.gauge('llmq.projection.lag', 'Events in the log that the tables do not have yet');
    const active = this.gauge('llmq.projection.active', '1 where this process writes the tables');
    const stopped = this.gauge(
      'llmq.projection.stopped',
      '1 where the projector met what it can not fold, and a person has to look',
    );
    this.meter.addBatchObservableCallback(
      async (result) => {
        const { health } = projector;
        const hasStopped = !health.running && health.error !== null;
        // A projector that has stopped counts no lag; it is asked of the tables then.
        const behind = health.lag ?? (hasStopped ? await this.tables?.lag().catch(() => null) : null);
        if (behind != null) result.observe(lag, behind);
        result.observe(active, health.active ? 1 : 0);
        result.observe(stopped, hasStopped ? 1 : 0);
      },
      [lag, active, stopped],
    );
  }

  private observeWebhooks(sender: WebhookSender): void {
    const waiting = this.gauge('llmq.webhook.waiting', 'Webhooks that wait for a try, of all processes');
    const sent = this.meter.createObservableCounter('llmq.webhook.tries', {
      description: 'What came of the webhooks that this process tried since its start',
    });
    this.meter.addBatchObservableCallback(
      async (result) => {
        for (const [outcome, count] of Object.entries(sender.outcomes))
          result.observe(sent, count, { outcome });
        const count = await sender.waiting().catch(() => null);
        if (count !== null) result.observe(waiting, count);
      },
      [waiting, sent],
    );
  }

  private observeBatches(runner: BatchRunner): void {
    const open = this.gauge('llmq.batch.open', 'Batches that this process carries out');
    const waiting = this.gauge('llmq.batch.waiting', 'Batches that no process carries out yet');
    const ended = this.meter.createObservableCounter('llmq.batch.ended', {
      description: 'Batches that this process has brought to their end since its start',
    });
    const lines = this.meter.createObservableCounter('llmq.batch.lines', {
      description: 'Lines of batches that have ended in this process since its start',
    });
    this.meter.addBatchObservableCallback(
      (result) => {
        const statuses = runner.statuses();
        for (const status of OPEN_STATUSES) {
          result.observe(open, statuses.filter((each) => each === status).length, { status });
        }
        result.observe(waiting, runner.waiting);
        const { counts } = runner;
        for (const status of ENDED_STATUSES) result.observe(ended, counts.ended.get(status) ?? 0, { status });
        for (const [outcome, count] of Object.entries(counts.lines))
          result.observe(lines, count, { outcome });
      },
      [open, waiting, ended, lines],
    );
  }

  private observeWebSockets(webSockets: OpenClients): void {
    const open = this.gauge('llmq.websocket.open', 'WebSockets that are open in this process');
    const subscriptions = this.gauge('llmq.websocket.subscriptions', 'What they are subscribed to');
    const ended = this.meter.createObservableCounter('llmq.websocket.ended', {
      description: 'WebSockets that ended since the start, by why',
    });
    this.meter.addBatchObservableCallback(
      (result) => {
        result.observe(open, webSockets.open);
        result.observe(subscriptions, webSockets.subscriptions);
        for (const why of ENDINGS) result.observe(ended, webSockets.ended[why], { why });
      },
      [open, subscriptions, ended],
    );
  }

  private observeIntake(intake: Intake): void {
    const waiting = this.gauge('llmq.intake.waiting', 'Messages in NATS that are not taken in yet, in all');
    const waitingBytes = this.gauge('llmq.intake.waiting_bytes', 'Bytes of them');
    const most = this.gauge('llmq.intake.limit', 'How many may wait before NATS refuses to store more');
    const mostBytes = this.gauge('llmq.intake.limit_bytes', 'The same in bytes');
    const age = this.gauge('llmq.intake.oldest_age_seconds', 'How long the oldest of them has waited');
    const held = this.gauge('llmq.intake.held', 'Of these, the ones that this process holds');
    const received = this.counter('llmq.intake.received', 'Messages of publishers that came here');
    const accepted = this.counter('llmq.intake.accepted', 'Of these, the ones that are in the log');
    const rejected = this.counter('llmq.intake.rejected', 'Of these, the ones that were refused');
    this.meter.addBatchObservableCallback(
      async (result) => {
        for (const { publisher, ...counts } of intake.counts) {
          result.observe(held, counts.held, { publisher });
          result.observe(received, counts.received, { publisher });
          result.observe(accepted, counts.accepted, { publisher });
          for (const [code, count] of counts.rejected) result.observe(rejected, count, { publisher, code });
        }
        // What the broker does not tell is left out: it is not known to be none.
        for (const each of await intake.waiting().catch(() => [])) {
          const { publisher } = each;
          result.observe(waiting, each.waiting, { publisher });
          result.observe(waitingBytes, each.waitingBytes, { publisher });
          result.observe(age, each.oldestAgeMs / 1_000, { publisher });
          if (each.maxMessages !== null) result.observe(most, each.maxMessages, { publisher });
          if (each.maxBytes !== null) result.observe(mostBytes, each.maxBytes, { publisher });
        }
      },
      [waiting, waitingBytes, most, mostBytes, age, held, received, accepted, rejected],
    );
  }

  private counter(name: string, description: string) {
    return this.meter.createObservableCounter(name, { description });
  }

  private gauge(name: string, description: string) {
    return this.meter.createObservableGauge(name, { description });
  }
}
