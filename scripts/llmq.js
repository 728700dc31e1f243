#!/usr/bin/env node
import { refuseOldNode } from './node-version.js';

refuseOldNode();

/** `llmq <command>`: sets up what is missing, then runs the compiled command line. */
const { exitWith } = await import('./set-up.error.js');
await exitWith(async () => {
  const { runInForeground } = await import('./child-process.js');
  const { natsIsElsewhere } = await import('./nats-url.js');
  const { inProject } = await import('./project.js');
  const { setUp } = await import('./set-up.js');

  const env = await setUp({ build: true, natsServer: !natsIsElsewhere(process.env, process.argv.slice(2)) });
  const command = inProject('dist', 'interfaces', 'cli', 'llmq.main.js');
  return await runInForeground(process.execPath, [command, ...process.argv.slice(2)], { env });
});
