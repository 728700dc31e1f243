import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../../platform/config/service-config.js';
import { EVENT_LOG, NATS } from '../../../../platform/tokens.js';
import { StoredRecords } from '../../nats/stored-records.js';
import { fileSchema, type StoredFile } from '../file.state.js';

/** What is known of files. */
@Injectable()
export class FileRecords extends StoredRecords<StoredFile> {
  /** @param _log is only waited for: opening it makes the bucket */
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
    @Inject(EVENT_LOG) _log?: unknown,
  ) {
    super(nats, 'file', fileSchema, config.nats.append_timeout_ms);
  }
}
