import { describe, expect, it } from '@jest/globals';
import { type EndpointRow, endpointsText, endpointText } from './endpoints-text.policy.js';

const figures = {
  ...{ taken: 1, calls: 9, answered: 7, failed: 1, refused: 1, rejected: 0, tokens: 120 },
  ...{ first_piece_ms: { p95: 12.4 }, total_ms: { p95: null } },
};
const row: EndpointRow = {
  endpoint: {
    ...{ name: 'gpu', source: 'api', base_url: 'http://gpu/v1', max_concurrency: 8, drained: null },
    models: ['m', { name: 'n' }],
  },
  stats: {
    ...{ name: 'gpu', state: 'healthy', places: 8, ...figures },
    models: [{ model: 'm', state: 'degraded', reason: 'slow\u001b[2J', ...figures }],
  },
};

describe('endpoints', () => {
  it('are a table, and drained ones are told as such', () => {
    expect(endpointsText([row])).toBe(
      `endpoint  state    busy  calls  answered  failed  refused  tokens  p95 first  p95 end  models
--------  -------  ----  -----  --------  ------  -------  ------  ---------  -------  ------
gpu       healthy  1/8   9      7         1       1        120     12 ms      -        m, n
`,
    );
    const drained = { ...row, endpoint: { ...row.endpoint, drained: { reason: 'new disks' } } };
    expect(endpointsText([drained])).toContain('gpu       drained');
    expect(endpointText(drained)).toMatch(/^gpu is drained \(new disks\): 1 of 8 places are taken\./);
    expect(endpointsText([])).toBe('There are no endpoints.\n');
  });

  it('have their models shown one by one, without what steers a terminal', () => {
    const text = endpointText(row);
    expect(text).toContain('http://gpu/v1, from api\n');
    expect(text).toMatch(/m +degraded +1 +9 .* slow \[2J\n$/);
  });
});
