import { Global, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AdminModule } from '../log/admin/admin.module.js';
import { KnownReadings } from './readings/known-readings.js';
import { ReadingsChannel } from './readings/nats/readings-channel.js';
import { ScaleDecisions } from './scale-decisions.js';
import { SchedulerSettings } from './scheduler-settings.js';

/**
 * What any role may want to know of the scheduler: its settings, what was decided, and what the leader read last. Global,
 * because each of these is there once in a process. Leaves out the leader and what it does.
 */
@Global()
@Module({
  imports: [AdminModule],
  providers: [SchedulerSettings, ScaleDecisions, KnownReadings, ReadingsChannel],
  exports: [SchedulerSettings, ScaleDecisions, KnownReadings, ReadingsChannel],
})
export class SchedulerStateModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(ReadingsChannel) private readonly channel: ReadingsChannel,
    @Inject(KnownReadings) private readonly readings: KnownReadings,
  ) {}

  onModuleInit(): void {
    this.endListening = this.channel.listen((readings) => this.readings.heard(readings));
  }

  onApplicationShutdown(): void {
    this.endListening?.();
  }
}
