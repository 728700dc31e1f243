import { Module } from '@nestjs/common';
import { EndpointsModule } from '../../dispatch/endpoints/endpoints.module.js';
import { AdminModule } from '../../log/admin/admin.module.js';
import { EndpointChanges } from './endpoint-changes.js';
import { EndpointDirectory } from './endpoint-directory.js';
import { EndpointStats } from './endpoint-stats.js';

/** What admins see and do of endpoints. Leaves out the routes, and how a process follows what they did. */
@Module({
  imports: [AdminModule, EndpointsModule],
  providers: [EndpointDirectory, EndpointChanges, EndpointStats],
  exports: [EndpointDirectory, EndpointChanges, EndpointStats],
})
export class EndpointsAdminModule {}
