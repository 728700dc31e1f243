import { Module } from '@nestjs/common';
import { AdminModule } from '../../../log/admin/admin.module.js';
import { QueuesModule } from '../../../operations/queues/queues.module.js';
import { QueuesController } from './queues.controller.js';
import { QueuesAdminController } from './queues-admin.controller.js';

/** The routes of the queue as a whole, in the role `api`. Left out: single messages, which `gateway` tells of. */
@Module({ imports: [AdminModule, QueuesModule], controllers: [QueuesController, QueuesAdminController] })
export class QueuesApiModule {}
