import { objectionToOpenFiles, warningOfOpenFiles } from './open-files.policy.js';

it.each([
  [64, true, true],
  [767, true, true],
  [768, false, true],
  [1_023, false, true],
  [1_024, false, false],
  [Number.POSITIVE_INFINITY, false, false],
])('%d open files: refused %s, warned of %s', (limit, refused, warned) => {
  expect(objectionToOpenFiles(limit) !== null).toBe(refused);
  expect(warningOfOpenFiles(limit) !== null).toBe(warned);
});
