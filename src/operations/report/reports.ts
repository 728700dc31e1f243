import { Inject, Injectable } from '@nestjs/common';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { type Report, reportOf } from './report.policy.js';
import { ReportReadings } from './report-readings.js';

export interface TimedReport extends Report {
  /** ISO 8601: when it was asked for. */
  readonly at: string;
}

/** The verdict on the queue as it is now. Who asks at the same time gets the same one. */
@Injectable()
export class Reports {
  private round: Promise<TimedReport> | null = null;

  constructor(
    @Inject(ReportReadings) private readonly readings: Pick<ReportReadings, 'read'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
  ) {}

  now(): Promise<TimedReport> {
    this.round ??= this.make().finally(() => {
      this.round = null;
    });
    return this.round;
  }

  private async make(): Promise<TimedReport> {
    const at = new Date(this.sources.nowMs()).toISOString();
    return { at, ...reportOf(await this.readings.read()) };
  }
}
