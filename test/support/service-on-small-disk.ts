import { endProcess } from '../../src/platform/embedded/end-process.js';
import { embeddedServerPid } from './embedded-processes.js';
import { type RunningService, startService } from './service.js';
import { natsAddress, type ServiceAddresses, serviceAddresses } from './service-addresses.js';
import { SmallDisk } from './small-disk.js';
import { startTestPostgres } from './test-postgres.js';

export interface ServiceOnSmallDisk extends RunningService {
  readonly disk: SmallDisk;
  readonly addresses: ServiceAddresses;
  natsPid(): Promise<number | null>;
}

/**
 * The service, its log on a disk of this size.
 *
 * @param withTables whether PostgreSQL is on it as well; else a full disk is the log's alone
 */
export async function startOnSmallDisk(
  sizeMib: number,
  config: Record<string, unknown>,
  withTables = false,
): Promise<ServiceOnSmallDisk> {
  const disk = await SmallDisk.make(sizeMib);
  const postgres = withTables ? null : await startTestPostgres();
  const cleanUp = async () => {
    await postgres?.stop();
    await disk.remove();
  };
  try {
    const tables: NodeJS.ProcessEnv = postgres === null ? {} : { DATABASE_URL: postgres.url };
    const service = await startService({
      ...{ config, through: disk.through },
      env: { LLMQ_DATA_DIR: disk.folder, ...tables },
    });
    const dataDir = disk.seenBy(service.pid);
    const natsPid = () => embeddedServerPid(dataDir, 'nats');
    const { baseUrl, pid, exited, kill, logs } = service;
    return {
      ...{ baseUrl, pid, dataDir, exited, kill, logs, disk, natsPid },
      addresses:
        postgres === null
          ? await serviceAddresses(dataDir)
          : { nats: await natsAddress(dataDir), databaseUrl: postgres.url },
      async stop() {
        // The disk is gone with the service, and with it the record of what it left.
        const servers = [await natsPid(), await embeddedServerPid(dataDir, 'postgres')];
        try {
          await service.stop();
        } finally {
          for (const server of servers) {
            if (server !== null) await endProcess(server, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
          }
          await cleanUp();
        }
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
