import { Module } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { BatchSweep } from './batch-sweep.js';
import { Batches } from './batches.js';
import { Files } from './files/files.js';
import { FileObjects } from './files/nats/file-objects.js';
import { FileRecords } from './files/nats/file-records.js';
import { BatchLeases } from './nats/batch-leases.js';
import { BatchRecords } from './nats/batch-records.js';

/**
 * Files, and batches that are made of them. Leaves out every protocol: what a line of a file asks for, and how its answer
 * is told, is OpenAI's and said in its folder, and so is where a batch is carried out (`BatchRunner`).
 */
@Module({
  imports: [EventLogModule],
  providers: [Files, FileObjects, FileRecords, BatchSweep, Batches, BatchLeases, BatchRecords],
  exports: [Files, Batches, BatchLeases, BatchRecords],
})
export class BatchesModule {}
