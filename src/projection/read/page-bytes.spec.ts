import { describe, expect, it } from '@jest/globals';
import { fitting } from './page-bytes.js';

describe('fitting', () => {
  it.each([
    [[], 0],
    [[1, 2, 3], 3],
    [[4, 6, 1], 2],
    [[4, 7, 1], 1],
    [[11, 1], 1],
    [[0, 11, 1], 1],
  ])('of %j into ten bytes are %d', (sizes, count) => expect(fitting(sizes, 10)).toBe(count));
});
