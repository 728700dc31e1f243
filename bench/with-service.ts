import { startDemoModel } from '../src/demo-model/demo-server.js';
import { type BenchChild, startServiceChild } from './child.js';
import { startBenchServers } from './servers.js';

/** A service with all roles and one demo endpoint for 16 calls at once, for as long as it is used. */
export async function withService<T>(use: (service: BenchChild) => Promise<T>): Promise<T> {
  const servers = await startBenchServers();
  const demo = await startDemoModel({ port: 0, tokensPerSecond: 1_000 });
  const endpoints = JSON.stringify([
    { name: 'demo', base_url: demo.url, models: ['demo-fast'], max_concurrency: 16 },
  ]);
  const service = await startServiceChild({ ...servers.env, ENDPOINTS: endpoints });
  try {
    return await use(service);
  } finally {
    await service.stop();
    await demo.close();
    await servers.stop();
  }
}
