import { join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { cacheFolder } from './cache.js';

const NAME = 'llm-message-queue';

it.each([
  ['the home', { HOME: '/home/ann' }, join('/home/ann/.cache', NAME)],
  ['the place for caches', { HOME: '/home/ann', XDG_CACHE_HOME: '/c' }, join('/c', NAME)],
  ['that place, also without a home', { HOME: '/', XDG_CACHE_HOME: '/c' }, join('/c', NAME)],
  ['the data folder, for who has no home', { HOME: '/', LLMQ_DATA_DIR: '/data' }, '/data/cache'],
  ['the data folder where it is by default', { HOME: '/' }, resolve('.llmq/cache')],
  ['where the user says', { HOME: '/', LLMQ_CACHE_DIR: '/mine' }, '/mine'],
])('keeps servers in %s', (_, env, folder) => {
  expect(cacheFolder(env, 'linux')).toBe(folder);
});
