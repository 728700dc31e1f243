import { refuseOldNode } from './node-version.js';

refuseOldNode();

const { exitWith } = await import('./set-up.error.js');
await exitWith(async () => {
  const { runTests } = await import('./test-run.js');
  return await runTests(process.argv.slice(2));
});
