import { DEMO_MODELS } from '../../demo-model/demo-models.js';
import { ConfigError } from '../../platform/config/config.error.js';
import type { DeepReadonly, EndpointConfig, ModelConfig } from '../../platform/config/config.schema.js';
import { pricePerMillion } from '../../platform/config/price.policy.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { EgressPolicy } from '../../platform/security/egress.js';
import { type EndpointSettings, type ModelOffer, plainOffer } from './endpoint.state.js';
import { OpenAiEndpoint } from './openai/openai-endpoint.js';

/** Nest's token for the base URL of the demo endpoint (`string | null`), given by `DemoEndpointModule`. */
export const DEMO_ENDPOINT_URL = Symbol('DemoEndpointUrl');

/** The demo endpoint answers as many calls at once as anyone tries out. */
const DEMO_MAX_CONCURRENCY = 64;

/**
 * The endpoints of the configuration, or the demo endpoint where there is none.
 *
 * @param env where the keys are that `api_key_env` names; they are read here, once
 * @throws {ConfigError} when a worker lacks the key of an endpoint
 */
export function configuredEndpoints(
  config: ServiceConfig,
  env: NodeJS.ProcessEnv,
  demoUrl: string | null,
): OpenAiEndpoint[] {
  const demo = config.demo.enabled && demoUrl !== null ? [demoEndpoint(demoUrl)] : [];
  const named = config.endpoints.map((endpoint) => ({ ...endpoint, models: endpoint.models.map(offerOf) }));
  const wanted: readonly Endpoint[] = named.length > 0 ? named : demo;
  // Only workers call endpoints; the others ask which models there are, and need no keys for it.
  const calls = config.roles.has('worker');
  const egress = new EgressPolicy(config);
  return wanted.map(
    (endpoint) =>
      new OpenAiEndpoint({
        name: endpoint.name,
        baseUrl: endpoint.base_url,
        models: endpoint.models.map(({ name }) => name),
        maxConcurrency: endpoint.max_concurrency,
        apiKey: calls ? keyOf(endpoint, env) : null,
        connectTimeoutMs: config.loadbalancer.connect_timeout_ms,
        connector: egress.connector({
          timeout: config.loadbalancer.connect_timeout_ms,
          namedBy: 'configuration',
        }),
        firstTokenTimeoutMs: config.loadbalancer.first_token_timeout_ms,
      }),
  );
}

/** What the registry is told of the configured endpoints, by name. */
export function configuredSettings(config: ServiceConfig): ReadonlyMap<string, EndpointSettings> {
  return new Map(
    config.endpoints.map(({ name, models, max_concurrency, weight, group, rpm, tpm }) => [
      name,
      { models: models.map(offerOf), places: max_concurrency, weight, group, rpm, tpm },
    ]),
  );
}

function offerOf(model: string | DeepReadonly<ModelConfig>): ModelOffer {
  if (typeof model === 'string') return plainOffer(model);
  const { name, upstream = name, context_tokens, max_output_tokens, capabilities, price } = model;
  return {
    ...{ name, upstream, capabilities },
    contextTokens: context_tokens ?? null,
    maxOutputTokens: max_output_tokens ?? null,
    price: price === undefined ? null : pricePerMillion(price),
  };
}

interface Endpoint extends Pick<EndpointConfig, 'name' | 'base_url' | 'max_concurrency' | 'api_key_env'> {
  readonly models: readonly { readonly name: string }[];
}

function demoEndpoint(url: string): Endpoint {
  const models = DEMO_MODELS.map((name) => ({ name }));
  return { name: 'demo', base_url: url, models, max_concurrency: DEMO_MAX_CONCURRENCY };
}

/** Keys read from files often end in a line break, which no header can carry. */
function keyOf({ name, api_key_env }: Endpoint, env: NodeJS.ProcessEnv): string | null {
  if (api_key_env === undefined) return null;
  const key = env[api_key_env]?.trim() ?? '';
  if (key === '') {
    throw new ConfigError([
      `endpoints: ${name} has api_key_env ${api_key_env}, but the environment variable ${api_key_env} is not set. Set it to the endpoint's key, or remove api_key_env where the endpoint needs none.`,
    ]);
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError([
      `endpoints: for ${name}, the environment variable ${api_key_env} holds characters that a key can't have, such as a space or a line break. Set it to the key alone.`,
    ]);
  }
  return key;
}
