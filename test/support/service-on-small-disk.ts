import { endProcess } from '../../src/platform/embedded/end-process.js';
import { embeddedServerPid } from './embedded-processes.js';
import { type RunningService, startService } from './service.js';
import type { ServiceAddresses } from './service-addresses.js';
import { natsAddress } from './service-addresses.js';
import { SmallDisk } from './small-disk.js';
import { startTestPostgres } from './test-postgres.js';

export interface ServiceOnSmallDisk extends RunningService {
  readonly disk: SmallDisk;
  readonly addresses: ServiceAddresses;
  natsPid(): Promise<number | null>;
}

/** The service, its log on a disk of this size. Its tables are elsewhere, so that a full disk is the log's alone. */
export async function startOnSmallDisk(
  sizeMib: number,
  config: Record<string, unknown>,
): Promise<ServiceOnSmallDisk> {
  const [disk, postgres] = await Promise.all([SmallDisk.make(sizeMib), startTestPostgres()]);
  const cleanUp = async () => {
    await postgres.stop();
    await disk.remove();
  };
  try {
    const service = await startService({
      config,
      through: disk.through,
      env: { LLMQ_DATA_DIR: disk.folder, DATABASE_URL: postgres.url },
    });
    const dataDir = disk.seenBy(service.pid);
    const natsPid = () => embeddedServerPid(dataDir, 'nats');
    return {
      ...service,
      ...{ disk, natsPid, logs: service.logs },
      addresses: { nats: await natsAddress(dataDir), databaseUrl: postgres.url },
      async stop() {
        const pid = await natsPid();
        try {
          await service.stop();
        } finally {
          // The disk is gone with the service, and with it the record of what it left.
          if (pid !== null) await endProcess(pid, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
          await cleanUp();
        }
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
