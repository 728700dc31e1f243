import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { serviceFlags } from './service-flags.policy.js';

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
