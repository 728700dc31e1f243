import { LogUnavailableError } from '../../log/event-log.errors.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import type { ConversationReader } from '../../projection/read/conversation-reader.js';
import type { ProjectionPosition } from '../../projection/read/projection-position.js';
import { ConversationLookup } from './conversation-lookup.js';

it('says that there is no conversation only where a majority of NATS servers knows the end of the log', async () => {
  const lookup = (extent: EventLog['extent']) =>
    new ConversationLookup(
      { find: async () => null } as unknown as ConversationReader,
      { waitFor: async () => true } as unknown as ProjectionPosition,
      { extent } as unknown as EventLog,
      { projection: { read_wait_ms: 1 } } as ServiceConfig,
    );
  expect(await lookup(async () => ({ lastSequence: 7, missing: 0 })).find('t', 'mine')).toBeNull();
  const away = new LogUnavailableError('not_stored', 1, 'only 1 of 3 NATS servers');
  await expect(lookup(async () => Promise.reject(away)).find('t', 'mine')).rejects.toBe(away);
});
