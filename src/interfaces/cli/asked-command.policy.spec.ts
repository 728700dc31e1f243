import { expect, it } from '@jest/globals';
import { askedCommand } from './asked-command.policy.js';

it('finds the command that is asked for, whatever stands before it', () => {
  expect(
    [
      [],
      ['--help'],
      ['submit', 'get'],
      ['--config', 'events', 'status'],
      ['--config=file', 'status', '--json'],
      ['help', 'submit'],
      ['help'],
    ].map(askedCommand),
  ).toEqual([null, null, 'submit', 'status', 'status', 'submit', null]);
});
