import { unusedPackages } from './unused-packages.policy.js';

const manifest = {
  dependencies: { pg: '^8.0.0', '@nestjs/core': '^12.0.0', 'rxjs-peer': '^7.0.0' },
  devDependencies: { '@types/pg': '^8.0.0', '@types/scope__name': '^1.0.0' },
};
const imported = ['pg', '@nestjs/core/router', '@scope/name', './pg-types.js', 'node:fs'];
const unimported = { 'rxjs-peer': 'asked for by the framework' };

it('finds nothing where every package is imported, or needed for a reason', () =>
  expect(unusedPackages({ manifest, imported, unimported })).toEqual([]));

it('finds a package, and types, that nothing imports', () =>
  expect(unusedPackages({ manifest, imported: imported.slice(1), unimported })).toEqual([
    expect.stringMatching(/^@types\/pg: /),
    expect.stringMatching(/^pg: /),
  ]));

it('finds a reason for what is imported, and for what is no dependency', () => {
  const reasons = { ...unimported, pg: 'once', gone: 'once' };
  expect(unusedPackages({ manifest, imported, unimported: reasons })).toEqual([
    'pg: its reason holds no more: it is imported.',
    'gone: its reason holds no more: it is no dependency.',
  ]);
});
