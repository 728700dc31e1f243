import type { EventLog } from '../log/event-log.port.js';
import type { ServiceConfig } from '../platform/config/service-config.js';
import type { MessageReader } from '../projection/read/message-reader.js';
import type { ProjectionPosition } from '../projection/read/projection-position.js';
import { MessageLookup } from './message-lookup.js';

describe('MessageLookup', () => {
  const lookup = (reached: boolean) =>
    new MessageLookup(
      { find: async () => null } as unknown as MessageReader,
      { applied: 1, waitFor: async () => reached } as unknown as ProjectionPosition,
      { lastSequence: async () => 7 } as unknown as EventLog,
      { projection: { read_wait_ms: 1 } } as ServiceConfig,
    );

  it('finds nothing where the projection has all that the log holds', async () => {
    expect(await lookup(true).find('default', 'an-id')).toBeNull();
  });

  it('does not say that there is nothing while the projection is behind', async () => {
    const behind = { code: 'projection_behind', message: expect.stringContaining('sequence 7') };
    await expect(lookup(false).find('default', 'an-id')).rejects.toMatchObject(behind);
  });
});
