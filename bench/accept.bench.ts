import autocannon from 'autocannon';
import { startChild, startServiceChild } from './child.js';
import { type Figure, ratioOf } from './figure.js';
import { startBenchServers } from './servers.js';
import { WHOLE_PATH } from './whole-path.load.js';

const CONNECTIONS = 100;
const SECONDS = 8;
const BODY = JSON.stringify({ user_id: 'bench', content: WHOLE_PATH.content, priority: 'normal' });

/**
 * Durable accept over HTTP against a bare Fastify that validates the same body and stores nothing. Ours is one process
 * with the role `api`: what the accepting costs, without the dispatching that may run elsewhere.
 */
export async function benchAccept(): Promise<Figure> {
  const servers = await startBenchServers();
  const ours = await startServiceChild({ ...servers.env, LLMQ_ROLES: 'api' });
  const bare = await startChild('bench/sides/bare-fastify.side.js', [], {}, /^(http:\/\/\S+)$/m);
  try {
    return await ratioOf(
      `durable accept over HTTP, ${CONNECTIONS} connections, against bare Fastify`,
      0.4,
      3,
      () => requestsPerSecond(ours.matched),
      () => requestsPerSecond(bare.matched),
    );
  } finally {
    await ours.stop();
    await bare.stop();
    await servers.stop();
  }
}

async function requestsPerSecond(baseUrl: string): Promise<number> {
  const result = await autocannon({
    url: `${baseUrl}/api/v1/messages`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
    connections: CONNECTIONS,
    duration: SECONDS,
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} answers other than 2xx and ${result.errors} errors from ${baseUrl}`);
  }
  return result['2xx'] / result.duration;
}
