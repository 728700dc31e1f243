import { TUNABLE } from '../../../dispatch/endpoints/registered/file-bounds.policy.js';
import type { KnownEndpoint } from '../../../operations/endpoints/endpoint-directory.js';
import { rulesOf } from '../obeys.js';
import { ChangeEndpointDto } from './endpoint.dto.js';

const MASK = '***';

/** Names of headers tell what an endpoint is sent; their values could be anything, secrets of the file's included. */
export function endpointJson({
  source,
  description: { headers, ...description },
  drained,
  changed,
  bounds,
}: KnownEndpoint): Record<string, unknown> {
  const atMost = Object.entries(bounds ?? {}).filter(([, most]) => most !== null);
  return {
    ...{ name: description.name, source },
    ...description,
    api: description.api ?? 'chat_completions',
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, MASK])),
    drained,
    changeable: bounds === null ? [...rulesOf(ChangeEndpointDto).keys()] : TUNABLE,
    at_most: Object.fromEntries(atMost),
    updated_by: changed?.by ?? null,
    updated_at: changed?.at ?? null,
  };
}
