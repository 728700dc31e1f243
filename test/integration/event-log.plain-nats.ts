import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

export interface PlainNats {
  readonly url: string;
  stop(): Promise<void>;
}

/** A nats-server with settings that the service would never give its own, as other people's can have. */
export async function startPlainNats(settings: (dir: string) => object): Promise<PlainNats> {
  const dir = await makeTempDir('llmq-plain-nats');
  const port = await freePort();
  const file = join(dir, 'nats.conf');
  await writeFile(file, JSON.stringify({ host: '127.0.0.1', port, ...settings(dir) }));
  const server = spawn(await natsServerPath(silentLogger), ['--config', file], { stdio: 'ignore' });
  await eventually(() => answers(port));
  return {
    url: `nats://127.0.0.1:${port}`,
    stop: async () => {
      await ended(server);
      await removeTempDir(dir);
    },
  };
}

function answers(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = dial(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function ended(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    server.once('exit', () => resolve());
    server.kill('SIGTERM');
  });
}
