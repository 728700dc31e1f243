import { Inject, Injectable } from '@nestjs/common';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { RUNNING_TOLD_WITHIN_MS, WORKER_BEAT_EVERY_MS, WorkerBeats } from '../workers/nats/worker-beats.js';
import { Slots } from './slots.js';
import { Worker } from './worker.js';

/** Says once a second how the worker is, sooner when what runs or may run has changed, and at the end that it is gone. */
@Injectable()
export class WorkerPulse {
  /** One run of this worker. */
  readonly name: string;
  private timer: NodeJS.Timeout | null = null;
  private soon = false;

  constructor(
    @Inject(Worker) private readonly worker: Pick<Worker, 'status'>,
    @Inject(Slots) slots: Pick<Slots, 'events'>,
    @Inject(WorkerBeats) private readonly beats: Pick<WorkerBeats, 'announce' | 'announceLeft'>,
    @Inject(SOURCES) sources: Pick<Sources, 'newId'>,
    @Inject(SERVICE_CONFIG) { supervisedAs }: Pick<ServiceConfig, 'supervisedAs'>,
  ) {
    // Who started it counts its slots by that name.
    this.name = supervisedAs ?? sources.newId();
    slots.events.on('changed', () => this.beatSoon());
  }

  start(): void {
    this.beat();
  }

  stop(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.beats.announceLeft(this.name);
  }

  private beatSoon(): void {
    if (this.soon || this.timer === null) return;
    this.soon = true;
    this.beatIn(RUNNING_TOLD_WITHIN_MS);
  }

  private beat(): void {
    const { slots, capacity, runningByLane, models, busyModels, served } = this.worker.status;
    this.beats.announce({
      ...{ worker: this.name, slots, capacity, running: runningByLane },
      ...{ models: [...models], busy_models: [...busyModels], served: [...served] },
    });
    this.soon = false;
    this.beatIn(WORKER_BEAT_EVERY_MS);
  }

  private beatIn(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.beat(), ms);
  }
}
