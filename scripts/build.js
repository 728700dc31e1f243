import { refuseOldNode } from './node-version.js';

refuseOldNode();

const { exitWith } = await import('./set-up.error.js');
await exitWith(async () => {
  const { build } = await import('./compiled-service.js');
  const { ensurePackages } = await import('./packages.js');
  const { whileNobodyElseSetsUp } = await import('./set-up-lock.js');

  await whileNobodyElseSetsUp(async () => {
    await ensurePackages();
    await build();
  });
  return 0;
});
