import { describe, expect, it } from '@jest/globals';
import { pathOf } from './address.js';

describe('pathOf', () => {
  it.each([
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/ch%61t/completions?a=%62', '/v1/chat/completions'],
    ['/%76%31/embeddings#part', '/v1/embeddings'],
    ['/v1%2fembeddings', '/v1%2fembeddings'],
    ['/%zz?x', '/%zz'],
    ['/users/%E5%BC%A0', '/users/张'],
  ])('of %s is %s', (url, path) => expect(pathOf(url)).toBe(path));
});
