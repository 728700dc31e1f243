import type { Logger } from 'pino';
import type { WorkerRegistry } from '../../../dispatch/workers/worker-registry.js';
import type { Sources } from '../../../platform/clock.js';
import type { EndStep } from '../../../platform/embedded/end-process.js';
import type { Actuator } from '../actuator.port.js';
import type { HeardOrders } from '../nats/heard-orders.js';
import { NewestTerm } from '../order-terms.js';
import { planFleet, slotsOf } from './fleet.policy.js';
import type { SharedPlaces } from './worker-environment.policy.js';
import { WorkerFleet } from './worker-fleet.js';

const LOOK_EVERY_MS = 500;
/** Each worker says something once a second. */
const HEARD_ALL_AFTER_MS = 2_000;
/** Beyond the time of its own that a stopping process needs. */
const END_MARGIN_MS = 15_000;

export interface ProcessesSettings {
  /** `scheduler.processes.max` */
  readonly maxProcesses: number;
  /** `scheduler.processes.drain_timeout_ms` */
  readonly drainTimeoutMs: number;
  /** `scheduler.slots_per_worker` */
  readonly slotsPerWorker: number;
  /** `scheduler.start_delay_ms`, until a start was seen. */
  readonly startDelayMs: number;
  /** `server.shutdown_timeout_ms` */
  readonly shutdownTimeoutMs: number;
}

export interface ProcessesParts {
  readonly workers: Pick<WorkerRegistry, 'alive'>;
  readonly orders: Pick<HeardOrders, 'isConnected' | 'tell' | 'listen'>;
  readonly sources: Pick<Sources, 'newId' | 'steadyMs'>;
  readonly logger: Logger;
  readonly env: NodeJS.ProcessEnv;
  /** The service's configuration, with the addresses of embedded servers in it. */
  readonly config: SharedPlaces;
}

/**
 * Slots are worker processes on this machine, children of this process, that end when it is gone.
 *
 * An order stands until the next: whoever ends is started again, and what workers elsewhere have is taken into account.
 * With a newer order of another scheduler this one's time is over, and its workers finish what runs and end.
 */
export function processesActuator(parts: ProcessesParts, settings: ProcessesSettings): Actuator {
  return new ProcessesActuator(parts, settings);
}

class ProcessesActuator implements Actuator {
  readonly kind = 'processes';
  startDelayMs: number;
  private readonly fleet: WorkerFleet;
  private readonly terms = new NewestTerm();
  private standing: { readonly slots: number; readonly term: number } | null = null;
  private listeningSinceMs: number;
  private readonly timer: NodeJS.Timeout;
  private readonly endListening: () => void;

  constructor(
    private readonly parts: ProcessesParts,
    private readonly settings: ProcessesSettings,
  ) {
    const { drainTimeoutMs, shutdownTimeoutMs, startDelayMs } = settings;
    this.startDelayMs = startDelayMs;
    this.listeningSinceMs = parts.sources.steadyMs();
    const endSteps: readonly EndStep[] = [
      { signal: 'SIGTERM', waitMs: shutdownTimeoutMs + END_MARGIN_MS },
      { signal: 'SIGKILL', waitMs: END_MARGIN_MS },
    ];
    this.fleet = new WorkerFleet({
      ...{ ...parts, places: parts.config, drainTimeoutMs, endSteps },
      onStarted: (delayMs) => {
        this.startDelayMs = delayMs;
      },
    });
    this.endListening = parts.orders.listen((term) => this.heardOf(term));
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  async slots(): Promise<number | null> {
    if (!this.knowsWorkers) return null;
    return slotsOf(this.fleet.look(), this.settings.slotsPerWorker) + this.fleet.slotsElsewhere();
  }

  async scale({ slots, term }: { readonly slots: number; readonly term: number }): Promise<void> {
    this.terms.accept(term);
    this.standing = { slots, term };
    this.look();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.endListening();
    this.standing = null;
    await this.fleet.stop();
  }

  private look(): void {
    const members = this.fleet.look();
    if (!this.knowsWorkers) {
      this.fleet.forgiveSilence();
      return;
    }
    if (this.standing === null) return;
    this.parts.orders.tell(this.standing);
    const { slotsPerWorker, maxProcesses } = this.settings;
    const order = { slots: this.standing.slots, slotsElsewhere: this.fleet.slotsElsewhere() };
    this.fleet.carryOut(planFleet(members, { ...order, slotsPerWorker, maxProcesses }));
    this.fleet.replaceSilent();
  }

  /** Without a connection, and for the first moment of one, nobody is heard of. */
  private get knowsWorkers(): boolean {
    const { orders, sources } = this.parts;
    if (!orders.isConnected) this.listeningSinceMs = sources.steadyMs();
    return sources.steadyMs() - this.listeningSinceMs >= HEARD_ALL_AFTER_MS;
  }

  private heardOf(term: number): void {
    if (!this.terms.heard(term) || this.standing === null) return;
    this.parts.logger.info({ term }, 'another scheduler orders now: the worker processes of this one end');
    this.standing = null;
    this.fleet.drainAll();
  }
}
