import { fastify } from 'fastify';
import { createLogger } from '../../platform/logging/logger.js';
import { tellRequestIds } from './request-id.hook.js';

async function asked(level: 'info' | 'debug') {
  const lines: string[] = [];
  const logger = createLogger({ logging: { level, format: 'json' } }, { write: (line) => lines.push(line) });
  const app = fastify({ genReqId: () => 'req-1' });
  tellRequestIds(app, logger);
  app.get('/made', (_request, reply) => reply.header('x-llmq-message-id', 'message-1').send('ok'));
  const { headers } = await app.inject('/made?user=ann');
  await app.close();
  return { headers, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('the id of a request', () => {
  it('is told with its answer', async () => {
    const { headers, lines } = await asked('info');
    expect(headers['x-request-id']).toBe('req-1');
    expect(lines).toEqual([]);
  });

  it('is logged with the message that it made, where somebody debugs', async () => {
    const { lines } = await asked('debug');
    expect(lines).toMatchObject([
      { requestId: 'req-1', message_id: 'message-1', method: 'GET', path: '/made?user=***', status: 200 },
    ]);
  });
});
