import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { serviceEnvironment, serviceFlags } from './service-process.policy.js';

describe('the flags of a process of the service', () => {
  it('are known to Node, and give the young generation room', () => {
    const ask = `console.log(process.execArgv.join(' '))`;
    const shown = execFileSync(process.execPath, [...serviceFlags({}), '-e', ask], { encoding: 'utf8' });
    expect(shown).toContain('--max-semi-space-size=32');
  });

  it('leave it to NODE_OPTIONS where that says a size', () => {
    expect(serviceFlags({ NODE_OPTIONS: '--trace-warnings --max-semi-space-size=8' })).toEqual([]);
    expect(serviceFlags({ NODE_OPTIONS: '--trace-warnings' })).toHaveLength(1);
  });
});

it('gives a process of the service few arenas, unless its environment says how many', () => {
  expect(serviceEnvironment({ PATH: '/bin' })).toEqual({ PATH: '/bin', MALLOC_ARENA_MAX: '2' });
  expect(serviceEnvironment({ MALLOC_ARENA_MAX: '8' })).toEqual({ MALLOC_ARENA_MAX: '8' });
});
