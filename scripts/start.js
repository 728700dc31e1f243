import { refuseOldNode } from './node-version.js';

refuseOldNode();

// Loaded after the check, which has to work on a Node that can't read the rest.
const { exitWith } = await import('./set-up.error.js');
await exitWith(async () => {
  const { runInForeground } = await import('./child-process.js');
  const { natsIsElsewhere } = await import('./nats-url.js');
  const { say } = await import('./progress.js');
  const { inProject } = await import('./project.js');
  const { serviceEnvironment } = await import('./service-process.policy.js');
  const { setUp } = await import('./set-up.js');

  const env = await setUp({ build: true, natsServer: !natsIsElsewhere(process.env, process.argv.slice(2)) });
  say('starting the service');
  const args = [inProject('dist', 'main.js'), ...process.argv.slice(2)];
  return await runInForeground(process.execPath, args, { env: serviceEnvironment(env) });
});
