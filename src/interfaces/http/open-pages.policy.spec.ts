import { isOpenPage } from './open-pages.policy.js';

it.each([
  '/api/docs',
  '/api/docs/',
  '/api/docs/swagger-ui-bundle.js',
  '/api/docs-json',
  '/api/docs-json?x=1',
])('%s is open where the documentation is', (url) =>
  expect([isOpenPage(url, true), isOpenPage(url, false)]).toEqual([true, false]),
);

it.each(['/', '/?x=1'])('%s is open', (url) => expect(isOpenPage(url, false)).toBe(true));

it.each([
  '',
  '//',
  '/api/docsx',
  '/api/docs-yaml',
  '/api/docs-jsonx',
  '/api/v1/messages',
  '/v1/models',
  '/?/../v1/models/'.slice(3),
])('%s is not', (url) => expect(isOpenPage(url, true)).toBe(false));
