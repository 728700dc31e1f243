import { expect, it } from '@jest/globals';
import { workerEnvironment } from './worker-environment.policy.js';

const PLACES = {
  nats: { url: 'nats://n:1', user: 'u', password: 'p' },
  database: { url: 'postgres://d/llmq' },
  logging: { file: '' },
};

it('is the same configuration with another role, other ports and the addresses of the servers', () => {
  const env = { LLMQ_CONFIG: 'c.yaml', GPU_KEY: 'k', LLMQ_ROLES: 'all', SERVER_HOST: '0.0.0.0' };
  expect(workerEnvironment(env, PLACES, 1)).toEqual({
    ...{ LLMQ_CONFIG: 'c.yaml', GPU_KEY: 'k', LLMQ_ROLES: 'worker' },
    ...{ SERVER_HOST: '127.0.0.1', SERVER_PORT: '0' },
    ...{ NATS_URL: 'nats://n:1', NATS_USER: 'u', NATS_PASSWORD: 'p', DATABASE_URL: 'postgres://d/llmq' },
  });
});

it.each([
  ['/var/log/llmq.log', '/var/log/llmq-worker-2.log'],
  ['/var/log.d/llmq', '/var/log.d/llmq-worker-2'],
  ['.log', '.log-worker-2'],
])('has a log file of its own beside %s', (file, own) => {
  expect(workerEnvironment({}, { ...PLACES, logging: { file } }, 2)['LOGGING_FILE']).toBe(own);
});
