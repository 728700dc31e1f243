import { LogUnavailableError } from '../log/event-log.errors.js';
import type { EventLog } from '../log/event-log.port.js';
import type { ServiceConfig } from '../platform/config/service-config.js';
import type { MessageReader } from '../projection/read/message-reader.js';
import type { ProjectionPosition } from '../projection/read/projection-position.js';
import { MessageLookup } from './message-lookup.js';

describe('MessageLookup', () => {
  const lookup = (reached: boolean, extent = async () => ({ lastSequence: 7, missing: 0 })) =>
    new MessageLookup(
      { find: async () => null, ownOf: async () => new Set() } as unknown as MessageReader,
      { applied: 1, waitFor: async () => reached } as unknown as ProjectionPosition,
      { extent } as unknown as EventLog,
      { projection: { read_wait_ms: 1 } } as ServiceConfig,
    );

  it('finds nothing where the projection has all that the log holds', async () => {
    expect(await lookup(true).find('default', 'an-id')).toBeNull();
  });

  it('does not say that there is nothing while the projection is behind', async () => {
    const behind = { code: 'projection_behind', message: expect.stringContaining('sequence 7') };
    await expect(lookup(false).find('default', 'an-id')).rejects.toMatchObject(behind);
  });

  it('does not say so either where no majority of NATS servers knows the end of the log', async () => {
    const away = new LogUnavailableError('not_stored', 1, 'only 1 of 3 NATS servers');
    const unknown = lookup(true, async () => Promise.reject(away));
    await expect(unknown.find('default', 'an-id')).rejects.toBe(away);
    await expect(unknown.ownOf('default', ['an-id'])).rejects.toBe(away);
    await expect(unknown.stored(['an-id'])).rejects.toBe(away);
  });
});
