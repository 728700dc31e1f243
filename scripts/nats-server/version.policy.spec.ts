import fc from 'fast-check';
import { compareVersions, isNewEnough, parseVersion, versionText } from './version.policy.js';

function newEnough(text: string): boolean {
  const version = parseVersion(text);
  if (version === null) throw new Error(`no version in ${text}`);
  return isNewEnough(version);
}

describe('the version of a nats-server', () => {
  it.each([
    ['nats-server: v2.15.1\n', { major: 2, minor: 15, patch: 1, pre: '' }],
    ['nats-server: v2.15.0-RC.2', { major: 2, minor: 15, patch: 0, pre: 'RC.2' }],
    ['2.14.10', { major: 2, minor: 14, patch: 10, pre: '' }],
  ])('reads %j', (text, version) => {
    expect(parseVersion(text)).toEqual(version);
  });

  it.each(['', 'nats-server: vdev', '2.15'])('finds none in %j', (text) => {
    expect(parseVersion(text)).toBeNull();
  });

  it.each(['2.14.7', '2.14.12', '2.15.0', '2.15.1', '2.16.0-preview.1', '3.0.0', '2.14.8-RC.1'])(
    'takes %s',
    (text) => {
      expect(newEnough(text)).toBe(true);
    },
  );

  it.each(['2.14.6', '2.14.7-RC.1', '2.10.29', '2.9.99', '1.99.99', '2.15.0-preview.1', '2.15.0-RC.3'])(
    'refuses %s',
    (text) => {
      expect(newEnough(text)).toBe(false);
    },
  );

  const version = fc.record({
    major: fc.nat(4),
    minor: fc.nat(20),
    patch: fc.nat(20),
    pre: fc.constantFrom('', 'RC.1', 'preview.2'),
  });

  it('is written as it is read', () => {
    fc.assert(fc.property(version, (one) => expect(parseVersion(versionText(one))).toEqual(one)));
  });

  it('stays new enough with every later release', () => {
    fc.assert(
      fc.property(version, version, (one, other) => {
        fc.pre(isNewEnough(one) && other.pre === '' && compareVersions(other, one) >= 0);
        expect(isNewEnough(other)).toBe(true);
      }),
    );
  });
});
