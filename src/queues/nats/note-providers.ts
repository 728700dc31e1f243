import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import { NATS } from '../../platform/tokens.js';
import { AdmissionNotes } from './admission-notes.js';
import { WorkerBeats } from './worker-beats.js';

export const workerBeatsProvider: Provider = {
  provide: WorkerBeats,
  inject: [NATS],
  useFactory: (nats: NatsConnection) => new WorkerBeats(nats),
};

export const admissionNotesProvider: Provider = {
  provide: AdmissionNotes,
  inject: [NATS],
  useFactory: (nats: NatsConnection) => new AdmissionNotes(nats),
};
