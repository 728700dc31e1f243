import { expect, it } from '@jest/globals';
import { isUuid } from './uuid.policy.js';

const id = '0190f5fe-7c00-7a00-8000-000000000001';

it.each([id, id.toUpperCase()])('takes %s', (value) => expect(isUuid(value)).toBe(true));

it.each(['', `${id} `, `${id}\n`, `{${id}}`, id.replaceAll('-', ''), id.replace('0', 'g'), undefined, [id]])(
  'refuses %j',
  (value) => expect(isUuid(value)).toBe(false),
);
