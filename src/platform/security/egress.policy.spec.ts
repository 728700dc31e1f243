import { BlockList } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  egressRuleProblem,
  egressRules,
  hostOf,
  originOf,
  refusedAddress,
  refusedHost,
} from './egress.policy.js';

const NONE = egressRules({ allow: [], deny: [] });

/** IANA's special-purpose IPv4 registry, and multicast, by another implementation of networks than the policy's. */
const SPECIAL = new BlockList();
for (const network of [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24'],
  ...['192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4', '168.63.129.16/32'],
]) {
  const [address, bits] = network.split('/');
  SPECIAL.addSubnet(address!, Number(bits));
}

const octets = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 255 })));
const special = fc.oneof(
  octets.map(([, b, c, d]) => [10, b, c, d]),
  octets.map(([, b, c, d]) => [127, b, c, d]),
  octets.map(([, , c, d]) => [169, 254, c, d]),
  octets.map(([, b, c, d]) => [100, 64 + (b! % 64), c, d]),
  octets.map(([, b, c, d]) => [172, 16 + (b! % 16), c, d]),
) as fc.Arbitrary<number[]>;

const hex = (value: number) => value.toString(16);
const pair = (a: number, b: number) => hex(a * 256 + b);
const number = ([a, b, c, d]: number[]) => ((a! * 256 + b!) * 256 + c!) * 256 + d!;

/** How one IPv4 address can be written in a URL, or be reached by way of an IPv6 address. */
const SPELLINGS: readonly ((four: number[]) => string)[] = [
  (four) => four.join('.'),
  (four) => `${four.join('.')}.`,
  (four) => String(number(four)),
  (four) => `0x${hex(number(four))}`,
  (four) => `0${number(four).toString(8)}`,
  ([a, b, c, d]) => `0x${hex(a!)}.0${b!.toString(8)}.${c! * 256 + d!}`,
  (four) => four.join('。'),
  (four) => `[::ffff:${four.join('.')}]`,
  ([a, b, c, d]) => `[::FFFF:${pair(a!, b!)}:${pair(c!, d!)}]`,
  (four) => `[::${four.join('.')}]`,
  (four) => `[::ffff:0:${four.join('.')}]`,
  (four) => `[64:ff9b::${four.join('.')}]`,
  (four) => `[64:ff9b:1::${four.join('.')}]`,
  ([a, b, c, d]) => `[2002:${pair(a!, b!)}:${pair(c!, d!)}::1]`,
  ([a, b, c, d]) => `[2001:0:4136:e378:8000:63bf:${pair(255 - a!, 255 - b!)}:${pair(255 - c!, 255 - d!)}]`,
  ([a, b, c, d]) => `[2600:1::5efe:${pair(a!, b!)}:${pair(c!, d!)}]`,
];

function verdict(host: string, rules = NONE, namedBy: 'request' | 'configuration' = 'request') {
  const plain = hostOf(`http://${host}:8000/v1`);
  expect(plain).not.toBeNull();
  return refusedHost(rules, namedBy, plain!)?.code ?? null;
}

describe('an address that came over HTTP', () => {
  it('is refused in every spelling, if it is special', () => {
    fc.assert(
      fc.property(special, fc.constantFrom(...SPELLINGS), (four, spelling) => {
        expect(['egress_private_address', 'egress_metadata_address']).toContain(verdict(spelling(four)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('may be called exactly if no registry holds it', () => {
    fc.assert(
      fc.property(octets, (four) => {
        const address = four.join('.');
        expect(verdict(address) === null).toBe(!SPECIAL.check(address));
        expect(verdict(`[64:ff9b::${address}]`)).toBe(verdict(address));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ...['[::]', '[::1]', '[fe80::1]', '[fec0::1]', '[fd12::1]', '[ff02::1]', '[2001:db8::1]', '[100::1]'],
    ...['[5f00::1]', '[3fff::1]', '[4000::1]', '0.0.0.0', '255.255.255.255', '224.0.0.1', '192.0.2.1'],
  ])('is refused as not public: %s', (host) => {
    expect(verdict(host)).toBe('egress_private_address');
  });

  it.each([
    '169.254.169.254',
    '0xa9fea9fe',
    '[fd00:ec2::254]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    'metadata.google.internal',
    'Metadata.Google.Internal..',
    '168.63.129.16',
    '100.100.100.200',
  ])('is refused as metadata: %s', (host) => {
    expect(verdict(host)).toBe('egress_metadata_address');
  });

  it.each(['8.8.8.8', '[2606:4700::1111]', 'api.openai.com', 'localhost.example.com'])(
    'may be %s',
    (host) => {
      expect(verdict(host)).toBeNull();
    },
  );

  it('is judged by what its name resolves to', () => {
    expect(refusedAddress(NONE, 'request', 'rebind.example.com', '127.0.0.1')?.code).toBe(
      'egress_private_address',
    );
    expect(refusedAddress(NONE, 'request', 'rebind.example.com', 'fe80::1%eth0')?.code).toBe(
      'egress_private_address',
    );
    expect(refusedAddress(NONE, 'request', 'rebind.example.com', 'nonsense')?.code).toBe(
      'egress_bad_address',
    );
    expect(refusedAddress(NONE, 'request', 'example.com', '93.184.216.34')).toBeNull();
  });
});

describe('security.egress.allow', () => {
  const rules = egressRules({
    allow: ['gpu.internal', '*.Lab.example.', '10.1.0.0/16', 'fd12::/16', '[::1]', '0x7f.1'],
    deny: ['10.1.2.0/24', 'bad.lab.example'],
  });

  it.each([
    ['10.1.0.1', null],
    ['[::ffff:10.1.0.1]', null],
    ['[64:ff9b::10.1.0.1]', null],
    ['10.2.0.1', 'egress_private_address'],
    ['[2002:a01:1::1]', 'egress_private_address'],
    ['[fd12::5]', null],
    ['[::1]', null],
    ['127.0.0.1', null],
    ['127.0.0.2', 'egress_private_address'],
  ])('of networks: %s', (host, expected) => {
    expect(verdict(host, rules)).toBe(expected);
  });

  it.each([
    ['gpu.internal', null],
    ['a.lab.example', null],
    ['a.b.lab.example', null],
    ['lab.example', 'egress_private_address'],
    ['evillab.example', 'egress_private_address'],
    ['bad.lab.example', 'egress_denied'],
  ])('of hosts: %s with a private address', (host, expected) => {
    const refused =
      refusedHost(rules, 'request', host) ?? refusedAddress(rules, 'request', host, '192.168.0.7');
    expect(refused?.code ?? null).toBe(expected);
  });

  it('opens a metadata service only by its own name or address', () => {
    const wide = egressRules({ allow: ['*', '0.0.0.0/0', '::/0', 'gpu.internal'], deny: [] });
    expect(verdict('10.0.0.1', wide)).toBeNull();
    expect(verdict('169.254.169.254', wide)).toBe('egress_metadata_address');
    expect(refusedAddress(wide, 'request', 'gpu.internal', '169.254.169.254')?.code).toBe(
      'egress_metadata_address',
    );
    expect(verdict('169.254.169.254', egressRules({ allow: ['169.254.169.254'], deny: [] }))).toBeNull();
    const named = egressRules({ allow: ['metadata.google.internal'], deny: [] });
    expect(verdict('metadata.google.internal', named)).toBeNull();
    expect(refusedAddress(named, 'request', 'metadata.google.internal', '169.254.169.254')).toBeNull();
  });
});

describe('security.egress.deny', () => {
  it('holds for every spelling and for the configuration file too', () => {
    const cut = egressRules({ allow: ['*', '0.0.0.0/0', '::/0'], deny: ['0.0.0.0/0'] });
    fc.assert(
      fc.property(
        octets,
        fc.constantFrom(...SPELLINGS),
        fc.constantFrom('request', 'configuration'),
        (four, spelling, by) => {
          expect(verdict(spelling(four as number[]), cut, by as 'request')).toBe('egress_denied');
        },
      ),
    );
    expect(
      verdict('a.evil.example', egressRules({ allow: [], deny: ['*.evil.example'] }), 'configuration'),
    ).toBe('egress_denied');
  });

  it('is all that holds for the configuration file', () => {
    for (const host of [
      '127.0.0.1',
      '169.254.169.254',
      'localhost',
      '[fd00::1]',
      'metadata.google.internal',
    ]) {
      expect(verdict(host, NONE, 'configuration')).toBeNull();
    }
  });
});

it('tells a wrong entry of the lists', () => {
  for (const text of [
    '10.0.0.0/33',
    'fd00::/129',
    'http://host',
    'a b',
    'host/8',
    '10.0.0.0/8/8',
    '*.',
    '',
    'host:80',
    '10.0.0.0/x',
    'a.*.b',
  ]) {
    expect([text, egressRuleProblem(text)]).toEqual([text, expect.stringContaining('neither a host')]);
  }
  for (const text of [
    '*',
    '*.a.b',
    'a',
    '10.0.0.0/8',
    '10.1.2.3',
    '[fd00::]/8',
    'fd00::/8',
    '::ffff:10.0.0.0/104',
    'bücher.example',
  ]) {
    expect([text, egressRuleProblem(text)]).toEqual([text, null]);
  }
});

it('takes no URL for another protocol', () => {
  for (const url of [
    'ftp://example.com',
    'file:///etc/passwd',
    'nonsense',
    'http://',
    'javascript:alert(1)',
  ]) {
    expect(hostOf(url)).toBeNull();
  }
});

it('tells one origin from another, however it is written', () => {
  expect(originOf('https://API.example.com./v1')).toBe('https://api.example.com:443');
  expect(originOf('https://api.example.com:443/other')).toBe('https://api.example.com:443');
  expect(originOf('http://0x7f.1:8000')).toBe('http://127.0.0.1:8000');
  expect(originOf('http://[::0:1]')).toBe('http://[::1]:80');
  expect(originOf('http://api.example.com')).not.toBe(originOf('https://api.example.com'));
  expect(originOf('ftp://api.example.com')).toBeNull();
});
