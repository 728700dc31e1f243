import { type CrossOriginRequest, crossOrigin, plainOrigins } from './cors.policy.js';

const APP = 'https://app.example';
const known = plainOrigins([`${APP}:443`, 'http://Localhost:3000']);
const asked = (more: Partial<CrossOriginRequest>) =>
  crossOrigin(
    { method: 'GET', origin: APP, wantedMethod: undefined, wantedHeaders: undefined, ...more },
    known,
  );

it('names origins as browsers do', () => {
  expect([...known]).toEqual([APP, 'http://localhost:3000']);
});

it('lets a page of a named origin read, and no other', () => {
  expect(asked({}).headers).toMatchObject({ 'access-control-allow-origin': APP, vary: 'origin' });
  for (const origin of [undefined, 'null', 'https://evil.example', `${APP}.evil.example`, `${APP}:8443`]) {
    expect(asked({ origin })).toEqual({ headers: { vary: 'origin' }, isPreflight: false });
  }
});

it('answers a preflight with the headers that the page wants to send', () => {
  const preflight = { method: 'OPTIONS', wantedMethod: 'POST', wantedHeaders: 'authorization, x-anything' };
  expect(asked(preflight)).toEqual({
    isPreflight: true,
    headers: expect.objectContaining({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': expect.stringContaining('PATCH'),
      'access-control-allow-headers': 'authorization, x-anything',
    }),
  });
  expect(asked({ ...preflight, origin: 'https://evil.example' }).isPreflight).toBe(false);
  expect(asked({ method: 'OPTIONS' }).isPreflight).toBe(false);
});
