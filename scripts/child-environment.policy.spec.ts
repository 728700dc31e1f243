import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { childEnvironment, toolEnvironment } from './child-environment.policy.js';

const SECRETS = {
  OPENAI_API_KEY: 'sk-1',
  ENDPOINTS: '[{"headers":{"x-key":"1"}}]',
  DATABASE_URL: 'postgres://user:secret@host/db',
  NATS_PASSWORD: 'secret',
  GITHUB_TOKEN: 'secret',
  NODE_AUTH_TOKEN: 'secret',
  PGPASSWORD: 'secret',
};
const PLAIN = { PATH: '/bin', HOME: '/root', TZ: 'UTC', LC_CTYPE: 'C', Path: 'C:\\', GOMEMLIMIT: '1GiB' };

it('lets through what a program needs to run, and no key', () => {
  expect(childEnvironment({ ...SECRETS, ...PLAIN })).toEqual(PLAIN);
});

it('lets a tool have its proxy and its own settings', () => {
  const own = {
    https_proxy: 'http://proxy',
    GOPROXY: 'https://proxy',
    APT_CONFIG: '/apt',
    SSL_CERT_FILE: '/ca',
  };
  expect(toolEnvironment({ ...SECRETS, ...PLAIN, ...own })).toEqual({ ...PLAIN, ...own });
});

it('lets one program have what it alone takes', () => {
  expect(childEnvironment({ ...SECRETS, PATH: '/bin' }, /^PG/)).toEqual({
    PATH: '/bin',
    PGPASSWORD: 'secret',
  });
});

it('never lets through a name that says that it is a secret', () => {
  const name = fc
    .tuple(
      fc.stringMatching(/^[A-Z][A-Z0-9_]{0,12}$/),
      fc.constantFrom('API_KEY', 'SECRET', 'TOKEN', 'PASSWORD'),
    )
    .map((parts) => parts.join('_'));
  fc.assert(
    fc.property(name, fc.string(), (key, value) => {
      expect(childEnvironment({ [key]: value })).toEqual({});
    }),
  );
});
