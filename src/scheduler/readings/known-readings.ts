import { Inject, Injectable } from '@nestjs/common';
import { SOURCES, type Sources } from '../../platform/clock.js';
import type { SchedulerReadings } from './scheduler-readings.js';

/** Three readings were missed: what the last one said is not known to be so any more. */
const STALE_AFTER_MS = 3_500;

/** The leader's latest readings, in every process that hears them. */
@Injectable()
export class KnownReadings {
  private latest: { readonly readings: SchedulerReadings; readonly atMs: number } | null = null;

  constructor(@Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs'>) {}

  /** Null where nothing is known: nobody leads, the leader is not heard, or the scheduler is off. Never a zero. */
  get current(): SchedulerReadings | null {
    const { latest } = this;
    return latest === null || this.sources.steadyMs() - latest.atMs > STALE_AFTER_MS ? null : latest.readings;
  }

  /** A leader that was cut off may be heard late: what an older term says is passed over. */
  heard(readings: SchedulerReadings): void {
    if (readings.term < (this.latest?.readings.term ?? 0)) return;
    this.latest = { readings, atMs: this.sources.steadyMs() };
  }
}
