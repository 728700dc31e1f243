import { decideBuild, decideInstall } from './staleness.policy.js';

const installed = {
  hasModules: true,
  record: { lockHash: 'a', platform: 'linux-x64' },
  lock: { hash: 'a', mtimeMs: 1_000 },
  npmFinishedMs: 2_000,
  platform: 'linux-x64',
};

describe('whether to install packages', () => {
  it('not again after an installation from the same lock file, whatever the times say', () => {
    expect(decideInstall(installed)).toEqual({ kind: 'fresh' });
    const checkedOutAgain = { ...installed, lock: { hash: 'a', mtimeMs: 9_000 } };
    expect(decideInstall(checkedOutAgain)).toEqual({ kind: 'fresh' });
  });

  it('not after somebody ran npm by hand since the lock file changed', () => {
    const byHand = { ...installed, lock: { hash: 'b', mtimeMs: 1_500 } };
    expect(decideInstall(byHand).kind).toBe('fresh');
    expect(decideInstall({ ...byHand, record: null }).kind).toBe('fresh');
  });

  it('in place where the lock file changed after the last installation', () => {
    const pulled = { ...installed, lock: { hash: 'b', mtimeMs: 3_000 } };
    expect(decideInstall(pulled).kind).toBe('update');
    expect(decideInstall({ ...pulled, record: null }).kind).toBe('update');
  });

  it.each([
    ['there is no node_modules', { hasModules: false, record: null, npmFinishedMs: null }],
    ['an installation was cut short', { record: null, npmFinishedMs: null }],
    ['it was made for another platform', { record: { lockHash: 'a', platform: 'darwin-arm64' } }],
  ])('from nothing where %s', (_, facts) => {
    expect(decideInstall({ ...installed, ...facts }).kind).toBe('clean-install');
  });
});

describe('whether to build', () => {
  it('not while the sources are those of the last build', () => {
    expect(decideBuild({ recorded: 'a', current: 'a', hasOutput: true })).toEqual({ kind: 'fresh' });
  });

  it.each([
    ['sources changed', { recorded: 'a', current: 'b', hasOutput: true }],
    ['no build ever finished', { recorded: null, current: 'a', hasOutput: true }],
    ['the output is gone', { recorded: 'a', current: 'a', hasOutput: false }],
  ])('where %s', (_, facts) => {
    expect(decideBuild(facts).kind).toBe('build');
  });
});
