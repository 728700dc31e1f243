import { projectorVerdict } from './projector-failure.policy.js';

it.each([
  ['projection_fenced', 'reread'],
  ['malformed_event', 'stop'],
  ['orphan_event', 'stop'],
  ['log_mismatch', 'stop'],
  ['log_damaged', 'stop'],
  ['checkpoint_missing', 'stop'],
  ['22P02', 'stop'],
  ['23505', 'stop'],
  ['42P01', 'stop'],
  ['57P01', 'retry'],
  ['53100', 'retry'],
  ['08006', 'retry'],
  ['40P01', 'retry'],
  ['ECONNREFUSED', 'retry'],
  ['log_unavailable', 'retry'],
  ['', 'retry'],
])('of %s is %s', (code, verdict) => {
  expect(projectorVerdict(code)).toBe(verdict);
});
