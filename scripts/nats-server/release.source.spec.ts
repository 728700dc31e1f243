import { readFileSync } from 'node:fs';
import { chooseArchive, PINNED_SUMS } from './release.source.js';
import { PINNED_NATS_SERVER } from './version.policy.js';

const stem = (platform: string) => `nats-server-v${PINNED_NATS_SERVER}-${platform}`;
const sums = (...names: string[]) =>
  names.map((name, index) => `${String(index).repeat(64)}  ${name}`).join('\n');

describe('the archive of a release', () => {
  const all = sums(
    `${stem('linux-amd64')}.tar.gz`,
    `${stem('linux-amd64')}.zip`,
    `${stem('darwin-arm64')}.zip`,
    `${stem('windows-amd64')}.zip`,
    `${stem('linux-arm64')}.zip`,
  );

  it.each([
    ['linux', 'x64', `${stem('linux-amd64')}.tar.gz`, '0'],
    ['darwin', 'arm64', `${stem('darwin-arm64')}.zip`, '2'],
    ['win32', 'x64', `${stem('windows-amd64')}.zip`, '3'],
  ] as const)('for %s on %s is %s', (platform, arch, name, digit) => {
    expect(chooseArchive(all, platform, arch)).toEqual({ name, sha256: digit.repeat(64) });
  });

  it('is none where the list has none that can be unpacked', () => {
    expect(() => chooseArchive(all, 'linux', 'arm64')).toThrow(`no archive ${stem('linux-arm64')}`);
    expect(() => chooseArchive(all, 'win32', 'arm64')).toThrow(`no archive ${stem('windows-arm64')}`);
    expect(() => chooseArchive('<html>not found</html>', 'linux', 'x64')).toThrow('no archive');
  });

  it('is not taken from a list that cuts its hash short', () => {
    expect(() => chooseArchive(`abcdef  ${stem('linux-amd64')}.tar.gz`, 'linux', 'x64')).toThrow(
      'no archive',
    );
  });

  it.each(['x64', 'arm64'])('for Linux on %s has a checksum in this repository', (arch) => {
    const { name, sha256 } = chooseArchive(readFileSync(PINNED_SUMS, 'utf8'), 'linux', arch);
    expect(name).toContain(PINNED_NATS_SERVER);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});
