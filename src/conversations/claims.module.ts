import { Module } from '@nestjs/common';
import { EventLogModule } from '../log/event-log.module.js';
import { CLAIMS } from './claim.port.js';
import { KvClaims } from './nats/kv-claims.js';

/** What only one process may do to a conversation at a time. Leaves out what that is. */
@Module({
  imports: [EventLogModule],
  providers: [{ provide: CLAIMS, useClass: KvClaims }],
  exports: [CLAIMS],
})
export class ClaimsModule {}
