import { table } from './table.policy.js';

it('aligns columns, and leaves no space at the end of a line', () => {
  expect(
    table([
      ['rule', 'count'],
      ['a', '12'],
      ['longer', ''],
    ]),
  ).toBe('rule    count\n------  -----\na       12\nlonger\n');
});

it('is nothing without rows', () => {
  expect(table([])).toBe('');
});
