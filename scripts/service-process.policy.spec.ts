import { expect, it } from '@jest/globals';
import { serviceEnvironment } from './service-process.policy.js';

it('gives a process of the service few arenas, unless its environment says how many', () => {
  expect(serviceEnvironment({ PATH: '/bin' })).toEqual({ PATH: '/bin', MALLOC_ARENA_MAX: '2' });
  expect(serviceEnvironment({ MALLOC_ARENA_MAX: '8' })).toEqual({ MALLOC_ARENA_MAX: '8' });
});
