import { DEMO_MODELS } from '../../demo-model/demo-models.js';
import { ConfigError } from '../../platform/config/config.error.js';
import type { EndpointConfig } from '../../platform/config/config.schema.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
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
  const wanted = config.endpoints.length > 0 ? config.endpoints : demo;
  // Only workers call endpoints; the others ask which models there are, and need no keys for it.
  const calls = config.roles.has('worker');
  return wanted.map(
    (endpoint) =>
      new OpenAiEndpoint({
        name: endpoint.name,
        baseUrl: endpoint.base_url,
        models: endpoint.models,
        maxConcurrency: endpoint.max_concurrency,
        apiKey: calls ? keyOf(endpoint, env) : null,
        connectTimeoutMs: config.loadbalancer.connect_timeout_ms,
        firstTokenTimeoutMs: config.loadbalancer.first_token_timeout_ms,
      }),
  );
}

type Endpoint = Omit<EndpointConfig, 'models'> & { readonly models: readonly string[] };

function demoEndpoint(url: string): Endpoint {
  return { name: 'demo', base_url: url, models: DEMO_MODELS, max_concurrency: DEMO_MAX_CONCURRENCY };
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
