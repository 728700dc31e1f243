#!/usr/bin/env node
import { refuseOldNode } from './node-version.js';

refuseOldNode();

/** Which commands may start servers; the others only look, or talk to the service. */
const STARTS_SERVERS = ['events', 'backup', 'restore', 'projections'];

/** `llmq <command>`: sets up what is missing in a checkout, then runs the compiled command line. */
const { exitWith } = await import('./set-up.error.js');
await exitWith(async () => {
  const { pathToFileURL } = await import('node:url');
  const { inProject, isCheckout } = await import('./project.js');

  const args = process.argv.slice(2);
  const onlyTells = args.some((arg) => ['-h', '--help', '-V', '--version'].includes(arg));
  const named = args.find((arg, at) => !arg.startsWith('-') && args[at - 1] !== '--config') ?? '';
  const startsServers = !onlyTells && STARTS_SERVERS.includes(named);
  let env = process.env;
  if (startsServers || isCheckout()) {
    const { natsIsElsewhere } = await import('./nats-url.js');
    const { setUp } = await import('./set-up.js');
    const natsServer = startsServers && !natsIsElsewhere(process.env, args);
    env = await setUp({ build: true, natsServer, quietly: true });
  }
  const command = inProject('dist', 'interfaces', 'cli', 'llmq.main.js');
  if (process.env['npm_lifecycle_event'] !== undefined) {
    // npm hands no signals on when it is ended: a process of its own is, by the one that looks after its parent.
    const { runInForeground } = await import('./child-process.js');
    return await runInForeground(process.execPath, [command, ...args], { env });
  }
  Object.assign(process.env, env);
  await import(pathToFileURL(command).href);
  return Number(process.exitCode ?? 0);
});
