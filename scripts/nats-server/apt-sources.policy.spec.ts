import { listWithSuite, sourcesWithSuite } from './apt-sources.policy.js';

describe('sources.list with another suite', () => {
  it("keeps Debian's archive with its options, and takes each once", () => {
    const list = [
      '# the machine',
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main contrib # here',
      'deb http://mirror/debian bookworm-updates main',
      'deb-src http://mirror/debian bookworm main',
      'deb http://mirror/debian-security bookworm-security main',
      '#deb http://off/debian bookworm main',
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian trixie main',
    ].join('\n');
    expect(listWithSuite(list, 'sid')).toEqual([
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian sid main',
    ]);
  });

  it.each([
    'deb http://archive.ubuntu.com/ubuntu noble main',
    'deb https://download.docker.com/linux/debian bookworm stable',
    'deb http://apt.postgresql.org/pub/repos/apt bookworm-pgdg main',
    '',
  ])('takes nothing of %j', (line) => {
    expect(listWithSuite(line, 'sid')).toEqual([]);
  });
});

describe('deb822 sources with another suite', () => {
  const KEY = ['Signed-By:', ' -----BEGIN PGP PUBLIC KEY BLOCK-----', ' .', ' mQINB', ' -----END-----'].join(
    '\n',
  );

  it('changes types, suites and components, and keeps the rest, folded keys too', () => {
    const sources = [
      '# comment',
      'Types: deb deb-src',
      'URIs: http://mirror/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main non-free-firmware',
      KEY,
    ].join('\n');
    expect(sourcesWithSuite(sources, 'forky')).toEqual([
      [
        'types: deb',
        'uris: http://mirror/debian',
        'suites: forky',
        'components: main',
        KEY.replace('Signed-By:', 'signed-by: '),
      ].join('\n'),
    ]);
  });

  it("leaves security's archive, disabled stanzas and other vendors out", () => {
    const stanza = (suites: string, more = '') =>
      `Types: deb\nURIs: http://mirror/debian\nSuites: ${suites}\nComponents: main\n${more}`;
    const sources = [
      stanza('bookworm-security'),
      stanza('bookworm', 'Enabled: no'),
      stanza('noble'),
      stanza('trixie').replace('Types: deb', 'Types: deb-src'),
    ];
    expect(sourcesWithSuite(sources.join('\n\n'), 'forky')).toEqual([]);
  });
});
