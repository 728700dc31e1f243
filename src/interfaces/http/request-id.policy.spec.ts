import { requestIdOf } from './request-id.policy.js';

const idOf = (header: string | string[] | undefined) => requestIdOf(header, () => 'new');

describe('requestIdOf', () => {
  it.each(['a', '0191e7a2-7c1f-7b3a-9c1d-1f2e3d4c5b6a', 'req_AB.12:3/4+5=', 'x'.repeat(128)])(
    'keeps %s',
    (id) => expect(idOf(id)).toBe(id),
  );

  it.each([undefined, '', ' ', 'a b', 'x'.repeat(129), 'a\nb', 'é', '{"a":1}', '<b>', ['a', 'b']])(
    'makes a new one in place of %j',
    (id) => expect(idOf(id)).toBe('new'),
  );
});
