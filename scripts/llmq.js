#!/usr/bin/env node
import { refuseOldNode } from './node-version.js';

refuseOldNode();

/** Which commands may start servers; the others only look, or talk to the service. */
const STARTS_SERVERS = ['events', 'backup', 'restore'];

/** `llmq <command>`: sets up what is missing, then runs the compiled command line. */
const { exitWith } = await import('./set-up.error.js');
await exitWith(async () => {
  const { runInForeground } = await import('./child-process.js');
  const { natsIsElsewhere } = await import('./nats-url.js');
  const { inProject } = await import('./project.js');
  const { setUp } = await import('./set-up.js');

  const args = process.argv.slice(2);
  const onlyTells = args.some((arg) => ['-h', '--help', '-V', '--version'].includes(arg));
  const natsServer =
    !onlyTells && STARTS_SERVERS.some((name) => args.includes(name)) && !natsIsElsewhere(process.env, args);
  const env = await setUp({ build: true, natsServer, quietly: true });
  const command = inProject('dist', 'interfaces', 'cli', 'llmq.main.js');
  return await runInForeground(process.execPath, [command, ...args], { env });
});
