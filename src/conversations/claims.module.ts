import { Module } from '@nestjs/common';
import { EventLogModule } from '../log/event-log.module.js';
import { CLAIMS } from './claim.port.js';
import { claimsProvider } from './nats/claims-provider.js';

/** What only one process may do to a conversation at a time. Leaves out what that is. */
@Module({ imports: [EventLogModule], providers: [claimsProvider], exports: [CLAIMS] })
export class ClaimsModule {}
