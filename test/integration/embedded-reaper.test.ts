import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { transformFile } from '@swc/core';
import { eventually } from '../support/eventually.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const REAPER = resolve(import.meta.dirname, '../support/reaper.ts');

(process.platform === 'win32' ? it.skip : it)('no server outlives a test run that is killed', async () => {
  const [dir, dataDir] = [await makeTempDir(), await makeTempDir()];
  const server = spawn('sleep', ['600'], { stdio: 'ignore' });
  try {
    await mkdir(join(dataDir, 'run'));
    const record = { port: 1, process: { pid: server.pid, identity: 'x' } };
    await writeFile(join(dataDir, 'run/nats.json'), JSON.stringify(record));
    await writeFile(join(dir, 'reaper.mjs'), (await transformFile(REAPER)).code);
    const run = `
      import { reapWithThisProcess } from './reaper.mjs';
      reapWithThisProcess({ dataDir: ${JSON.stringify(dataDir)}, removeDataDir: true });
      process.kill(process.pid, 'SIGKILL');`;
    await writeFile(join(dir, 'run.mjs'), run);
    spawn(process.execPath, [join(dir, 'run.mjs')], { stdio: 'inherit' });

    expect(await once(server, 'exit')).toEqual([null, 'SIGKILL']);
    await eventually(() => expect(access(dataDir)).rejects.toMatchObject({ code: 'ENOENT' }));
  } finally {
    server.kill('SIGKILL');
    await removeTempDir(dir);
    await removeTempDir(dataDir);
  }
});
