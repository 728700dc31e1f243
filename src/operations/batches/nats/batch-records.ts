import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../../platform/tokens.js';
import { type Batch, batchSchema } from '../batch.state.js';
import { StoredRecords } from './stored-records.js';

/** What is known of batches. */
@Injectable()
export class BatchRecords extends StoredRecords<Batch> {
  /** @param _log is only waited for: opening it makes the bucket */
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
    @Inject(EVENT_LOG) _log?: unknown,
  ) {
    super(nats, 'batch', batchSchema, config.nats.append_timeout_ms);
  }
}
