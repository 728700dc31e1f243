import type { RegisteredEndpoint, RegisteredModel } from '../../../domain/admin/endpoint.events.js';
import type { EndpointPatch } from '../../../operations/endpoints/endpoint-changes.js';
import { invalidFields } from '../../../submission/refusal.js';
import type { ChangeEndpointDto, NewEndpointDto } from './endpoint.dto.js';

/** What an endpoint is where a request does not say. */
const DEFAULTS: Omit<RegisteredEndpoint, 'name' | 'base_url' | 'models'> = {
  ...{ max_concurrency: 8, weight: 1, group: 'primary', rpm: null, tpm: null },
  ...{ first_token_timeout_ms: null, idle_timeout_ms: null, stream: 'auto', include_usage: 'auto' },
  ...{ headers: {}, api_key_env: null, api: 'chat_completions' },
};

type ModelDto = string | Record<string, unknown>;

/** @throws {RefusedError} `invalid_fields` */
export function newEndpoint({ name, ...parts }: NewEndpointDto): RegisteredEndpoint {
  const missing = (['base_url', 'models'] as const).filter((field) => parts[field] == null);
  if (missing.length > 0) throw invalidFields(missing.map((field) => ({ field, reason: 'is missing' })));
  return complete(patchOf(parts), { ...DEFAULTS, name, base_url: '', models: [] });
}

/** The fields that a request names, in the words of the log. */
export function patchOf({ models, ...others }: ChangeEndpointDto): EndpointPatch {
  const said = Object.entries(others).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(said),
    ...(models === undefined ? {} : { models: models === null ? null : models.map(modelOf) }),
  };
}

/** Null puts a field back to its default; an address and models have none, so there it changes nothing. */
export function complete(patch: EndpointPatch, before: RegisteredEndpoint): RegisteredEndpoint {
  const parts = Object.entries(patch).flatMap(([field, value]): [string, unknown][] => {
    if (value !== null) return [[field, value]];
    return field in DEFAULTS ? [[field, DEFAULTS[field as keyof typeof DEFAULTS]]] : [];
  });
  return { ...before, ...Object.fromEntries(parts) };
}

function modelOf(model: ModelDto): RegisteredModel {
  const dto = typeof model === 'string' ? { name: model } : model;
  const { name, upstream, context_tokens, max_output_tokens, capabilities, price } =
    dto as Partial<RegisteredModel> & { readonly name: string };
  return {
    ...{ name, upstream: upstream ?? name, capabilities: [...new Set(capabilities ?? [])] },
    context_tokens: context_tokens ?? null,
    max_output_tokens: max_output_tokens ?? null,
    price: price == null ? null : { ...price, cached: price.cached ?? null },
  };
}
