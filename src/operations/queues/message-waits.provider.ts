import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { QueueFigures } from '../../projection/read/queue-figures.js';
import { MessageWaits } from './message-waits.js';

/** Not `QueuesModule`'s: it needs the endpoints, which a process that only projects does not have. */
export const messageWaitsProvider = {
  provide: MessageWaits,
  inject: [LaneLagReader, WorkerRegistry, LanePauses, QueueFigures, EndpointRegistry, SOURCES],
  useFactory: (
    lag: LaneLagReader,
    workers: WorkerRegistry,
    pauses: LanePauses,
    figures: QueueFigures,
    registry: EndpointRegistry,
    sources: Sources,
  ) => new MessageWaits(lag, workers, pauses, figures, () => registry.defaultModel, sources.nowMs),
};
