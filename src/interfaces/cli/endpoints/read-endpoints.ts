import type { Api } from '../client/api.js';
import type { EndpointRow, ToldEndpoint, ToldStats } from './endpoints-text.policy.js';

export async function readEndpoints(api: Api): Promise<EndpointRow[]> {
  const { data } = await api.get<{ readonly data: readonly ToldEndpoint[] }>('/api/v1/endpoints');
  return await Promise.all(
    data.map(async (endpoint) => ({ endpoint, stats: await statsOf(api, endpoint.name) })),
  );
}

export async function readEndpoint(api: Api, name: string): Promise<EndpointRow> {
  const endpoint = await api.get<ToldEndpoint>(pathOf(name));
  return { endpoint, stats: await statsOf(api, name) };
}

export function pathOf(name: string): string {
  return `/api/v1/endpoints/${encodeURIComponent(name)}`;
}

function statsOf(api: Api, name: string): Promise<ToldStats> {
  return api.get<ToldStats>(`${pathOf(name)}/stats`);
}
