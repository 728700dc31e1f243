import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { CANCELLATIONS } from './cancellations.port.js';
import { cancellationsProvider } from './nats/cancellation-providers.js';
import type { KvCancellations } from './nats/kv-cancellations.js';

/**
 * Which messages are cancelled, known in memory before any worker or relay starts.
 * Left out: cancelling, which is the gateway's, and what becomes of a call, which is the worker's.
 */
@Module({
  imports: [EventLogModule],
  providers: [cancellationsProvider],
  exports: [CANCELLATIONS],
})
export class CancellationModule implements OnApplicationShutdown {
  constructor(@Inject(CANCELLATIONS) private readonly cancellations: KvCancellations) {}

  onApplicationShutdown(): void {
    this.cancellations.stop();
  }
}
