import type { Logger } from 'pino';
import type { WorkerRegistry } from '../../../dispatch/workers/worker-registry.js';
import { LANES } from '../../../domain/message/lane.policy.js';
import type { Sources } from '../../../platform/clock.js';
import type { EndStep } from '../../../platform/embedded/end-process.js';
import { KeptProcess } from '../../../platform/processes/kept-process.js';
import { ServiceProcess } from '../../../platform/processes/service-process.js';
import type { FleetMember, FleetPlan } from './fleet.policy.js';
import { type SharedPlaces, workerEnvironment } from './worker-environment.policy.js';

/** A worker that lives and is not heard of for so long does nothing for anybody. */
const SILENT_AFTER_MS = 60_000;
/** Beats of a process that has just ended are remembered for less than this. */
const FORGOTTEN_AFTER_MS = 10_000;

export interface WorkerFleetParts {
  readonly workers: Pick<WorkerRegistry, 'alive'>;
  readonly sources: Pick<Sources, 'newId' | 'steadyMs'>;
  readonly logger: Logger;
  /** Of this process. */
  readonly env: NodeJS.ProcessEnv;
  readonly places: SharedPlaces;
  /** How long a worker may finish its calls before it is told to hand them back. */
  readonly drainTimeoutMs: number;
  readonly endSteps: readonly EndStep[];
  /** A worker takes calls, so long after it was started. */
  onStarted(delayMs: number): void;
}

interface Member {
  kept: KeptProcess;
  /** Of the process that runs now, and by what name it is heard. */
  id: string | null;
  startedAtMs: number;
  heardAtMs: number | null;
  /** It said that it has slots. */
  takesCalls: boolean;
}

/** The worker processes that this one started, by their places. */
export class WorkerFleet {
  private readonly byPlace = new Map<number, Member>();
  /** Names of all processes that may still be heard of. */
  private readonly ids = new Set<string>();

  constructor(private readonly parts: WorkerFleetParts) {}

  /** As of now; to be called often, since it is also what notices who was heard of first, or no more. */
  look(): FleetMember[] {
    const now = this.parts.sources.steadyMs();
    const beats = new Map(this.parts.workers.alive().map((beat) => [beat.worker, beat]));
    return [...this.byPlace].map(([place, member]) => {
      const beat = beats.get(member.id ?? '');
      if (beat !== undefined) this.heard(member, beat.slots, now);
      const running = beat?.running;
      return {
        place,
        state: stateOf(member),
        startedAtMs: member.startedAtMs,
        slots: beat?.slots ?? null,
        calls: running === undefined ? 0 : LANES.reduce((sum, lane) => sum + running[lane], 0),
      };
    });
  }

  /** Slots of workers that others started. */
  slotsElsewhere(): number {
    return this.parts.workers
      .alive()
      .filter(({ worker }) => !this.ids.has(worker))
      .reduce((sum, { slots }) => sum + slots, 0);
  }

  carryOut({ start, drain }: FleetPlan): void {
    for (const place of start) this.start(place);
    for (const place of drain) void this.drain(place);
  }

  /** Has those replaced that live and are not heard of. Whoever is not heard while nobody can be is not meant. */
  replaceSilent(): void {
    const now = this.parts.sources.steadyMs();
    for (const member of this.byPlace.values()) {
      const { kept, heardAtMs } = member;
      if (kept.isLeaving || heardAtMs === null || now - heardAtMs < SILENT_AFTER_MS) continue;
      // Once is enough.
      member.heardAtMs = null;
      void kept.replace(`nothing was heard of it for ${SILENT_AFTER_MS / 1_000} s`).catch(this.notEnded);
    }
  }

  /** The connection was gone: silence begins anew. */
  forgiveSilence(): void {
    const now = this.parts.sources.steadyMs();
    for (const member of this.byPlace.values()) if (member.heardAtMs !== null) member.heardAtMs = now;
  }

  drainAll(): void {
    for (const place of [...this.byPlace.keys()]) void this.drain(place);
  }

  /** Ends all as the service itself ends: what runs is finished or handed back within the time of a stop. */
  async stop(): Promise<void> {
    await Promise.all([...this.byPlace.values()].map(({ kept }) => kept.stop().catch(this.notEnded)));
    this.byPlace.clear();
  }

  private start(place: number): void {
    const { sources, logger, env, places, endSteps } = this.parts;
    const name = `worker process ${place}`;
    const launch = async () => {
      const id = sources.newId();
      this.ids.add(id);
      member.id = id;
      member.startedAtMs = sources.steadyMs();
      member.heardAtMs = null;
      member.takesCalls = false;
      const process = ServiceProcess.start({ id, env: workerEnvironment(env, places, place) });
      logger.info({ pid: process.pid }, `${name} is started`);
      void process.ended.then(() => {
        if (member.id === id) member.id = null;
        setTimeout(() => this.ids.delete(id), FORGOTTEN_AFTER_MS).unref();
      });
      return process;
    };
    // The launch runs at once, and fills in what it starts.
    const member = {
      id: null,
      startedAtMs: sources.steadyMs(),
      heardAtMs: null,
      takesCalls: false,
    } as Member;
    this.byPlace.set(place, member);
    member.kept = new KeptProcess({ name, logger, endSteps, launch });
  }

  private async drain(place: number): Promise<void> {
    const member = this.byPlace.get(place);
    if (member === undefined || member.kept.isLeaving) return;
    const { logger, drainTimeoutMs } = this.parts;
    logger.info(`worker process ${place} finishes its calls and ends`);
    await member.kept.drain(drainTimeoutMs).catch(this.notEnded);
    this.byPlace.delete(place);
  }

  private heard(member: Member, slots: number, now: number): void {
    member.heardAtMs = now;
    if (slots === 0 || member.takesCalls) return;
    member.takesCalls = true;
    this.parts.onStarted(now - member.startedAtMs);
  }

  private readonly notEnded = (error: unknown): void => {
    this.parts.logger.error({ err: error }, 'a worker process does not end');
  };
}

function stateOf({ kept, takesCalls }: Member): FleetMember['state'] {
  if (kept.isLeaving) return 'draining';
  if (kept.isWaiting) return 'waiting';
  return takesCalls ? 'running' : 'starting';
}
