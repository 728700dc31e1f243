import { refuseOldNode } from './node-version.js';

refuseOldNode();

/**
 * `node scripts/run.js [--with-nats-server] <script> [arguments]`: sets up what is missing, then runs a compiled
 * script, or a TypeScript file of the benchmark.
 */
const { exitWith, SetUpError } = await import('./set-up.error.js');
await exitWith(async () => {
  const { runInForeground } = await import('./child-process.js');
  const { compileBench } = await import('./compiled-service.js');
  const { natsIsElsewhere } = await import('./nats-url.js');
  const { inProject } = await import('./project.js');
  const { setUp } = await import('./set-up.js');

  const args = process.argv.slice(2);
  const withNatsServer = args[0] === '--with-nats-server';
  const [script, ...rest] = withNatsServer ? args.slice(1) : args;
  if (script === undefined) throw new SetUpError('Usage: node scripts/run.js [--with-nats-server] <script>');

  const env = await setUp({ build: true, natsServer: withNatsServer && !natsIsElsewhere(process.env, rest) });
  const compiled = script.endsWith('.ts') ? await compileBench(script) : inProject(script);
  return await runInForeground(process.execPath, [compiled, ...rest], { env });
});
