import { existsSync, readFileSync } from 'node:fs';
import { cruise } from 'dependency-cruiser';
import { unusedPackages } from './unused-packages.policy.js';

/**
 * `npm run deps:check`, its second half: every package of the project in the current folder is imported somewhere in
 * it, or stands under `unimported` in its package.json, with what needs it.
 */
const folders = ['src', 'scripts', 'bench', 'test', 'migrations'].filter((folder) => existsSync(folder));
const { output } = await cruise(folders, {
  doNotFollow: { path: 'node_modules' },
  tsPreCompilationDeps: true,
});
if (typeof output === 'string') throw new Error('The imports of the project came as text.');
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const problems = unusedPackages({
  manifest,
  imported: output.modules.flatMap(({ dependencies }) => dependencies.map(({ module }) => module)),
  unimported: manifest.unimported ?? {},
});
for (const problem of problems) console.error(`package.json: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
