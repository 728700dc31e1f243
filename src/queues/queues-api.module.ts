import { Module } from '@nestjs/common';
import { AdminModule } from '../admin/admin.module.js';
import { QueuesModule } from './queues.module.js';
import { QueuesController } from './rest/queues.controller.js';
import { QueuesAdminController } from './rest/queues-admin.controller.js';

/** The routes of the queue as a whole, in the role `api`. Left out: single messages, which `gateway` tells of. */
@Module({ imports: [AdminModule, QueuesModule], controllers: [QueuesController, QueuesAdminController] })
export class QueuesApiModule {}
