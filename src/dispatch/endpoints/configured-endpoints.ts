import type { Logger } from 'pino';
import { DEMO_MODELS } from '../../demo-model/demo-models.js';
import type { RegisteredEndpoint, RegisteredModel } from '../../domain/admin/endpoint.events.js';
import { ConfigError } from '../../platform/config/config.error.js';
import type { DeepReadonly, EndpointConfig, ModelConfig } from '../../platform/config/config.schema.js';
import { pricePerMillion } from '../../platform/config/price.policy.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { aboutMessage } from '../../platform/logging/about-message.js';
import { EgressPolicy } from '../../platform/security/egress.js';
import type { NamedBy } from '../../platform/security/egress.policy.js';
import type { EndpointSettings, ModelOffer } from './endpoint.state.js';
import { type Oddity, OpenAiEndpoint } from './openai/openai-endpoint.js';

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
  onOddity?: (oddity: Oddity) => void,
): OpenAiEndpoint[] {
  // Only workers call endpoints; the others ask which models there are, and need no keys for it.
  const calls = config.roles.has('worker');
  return configuredDescriptions(config, demoUrl).map((endpoint) =>
    openAiEndpoint(endpoint, calls ? keyOf(endpoint, env) : null, config, 'configuration', onOddity),
  );
}

/** In the order of the file, with nothing left out. */
export function configuredDescriptions(
  config: Pick<ServiceConfig, 'endpoints' | 'demo'>,
  demoUrl: string | null,
): EndpointDescription[] {
  if (config.endpoints.length > 0) return config.endpoints.map(described);
  return config.demo.enabled && demoUrl !== null ? [demoEndpoint(demoUrl)] : [];
}

/** An endpoint as the configuration file or an admin describes it, with nothing left out. */
export type EndpointDescription = DeepReadonly<RegisteredEndpoint>;

export function settingsOf(endpoint: EndpointDescription): EndpointSettings {
  const { models, max_concurrency: places, weight, group, rpm, tpm } = endpoint;
  return { models: models.map(offerOf), places, weight, group, rpm, tpm };
}

export function openAiEndpoint(
  endpoint: EndpointDescription,
  apiKey: string | null,
  config: ServiceConfig,
  namedBy: NamedBy,
  onOddity?: (oddity: Oddity) => void,
): OpenAiEndpoint {
  const { loadbalancer } = config;
  const { connect_timeout_ms: connectTimeoutMs } = loadbalancer;
  return new OpenAiEndpoint({
    name: endpoint.name,
    baseUrl: endpoint.base_url,
    models: endpoint.models.map(({ name }) => name),
    maxConcurrency: endpoint.max_concurrency,
    apiKey,
    connectTimeoutMs,
    connector: new EgressPolicy(config).connector({ timeout: connectTimeoutMs, namedBy }),
    firstTokenTimeoutMs: endpoint.first_token_timeout_ms ?? loadbalancer.first_token_timeout_ms,
    idleTimeoutMs: endpoint.idle_timeout_ms ?? loadbalancer.idle_timeout_ms,
    api: endpoint.api ?? 'chat_completions',
    stream: endpoint.stream,
    includeUsage: endpoint.include_usage,
    headers: endpoint.headers,
    ...(onOddity === undefined ? {} : { onOddity }),
  });
}

/** An answer that is odd is not refused, so without the log nobody would know what its server does. */
export function oddityLog(logger: Logger): (oddity: Oddity) => void {
  return ({ what, messageId, trace, ...where }) =>
    logger.warn({ ...where, ...aboutMessage(messageId, trace) }, what);
}

/** An endpoint of the configuration file, in the words of one that is registered. */
function described(endpoint: DeepReadonly<EndpointConfig>): EndpointDescription {
  return {
    ...endpoint,
    models: endpoint.models.map(describedModel),
    api_key_env: endpoint.api_key_env ?? null,
  };
}

function describedModel(model: string | DeepReadonly<ModelConfig>): DeepReadonly<RegisteredModel> {
  if (typeof model === 'string') return plainModel(model);
  const { name, upstream = name, context_tokens, max_output_tokens, capabilities, price } = model;
  return {
    ...{ name, upstream, capabilities },
    context_tokens: context_tokens ?? null,
    max_output_tokens: max_output_tokens ?? null,
    price: price === undefined ? null : pricePerMillion(price),
  };
}

function plainModel(name: string): DeepReadonly<RegisteredModel> {
  const unknown = { context_tokens: null, max_output_tokens: null, price: null };
  return { name, upstream: name, capabilities: [], ...unknown };
}

function offerOf(model: DeepReadonly<RegisteredModel>): ModelOffer {
  const { name, upstream, capabilities, price, context_tokens, max_output_tokens } = model;
  return {
    ...{ name, upstream, capabilities, price },
    ...{ contextTokens: context_tokens, maxOutputTokens: max_output_tokens },
  };
}

function demoEndpoint(url: string): EndpointDescription {
  return {
    ...{ name: 'demo', base_url: url, models: DEMO_MODELS.map(plainModel) },
    ...{ max_concurrency: DEMO_MAX_CONCURRENCY, weight: 1, group: 'primary', rpm: null, tpm: null },
    ...{ first_token_timeout_ms: null, idle_timeout_ms: null, stream: 'auto', include_usage: 'auto' },
    ...{ headers: {}, api_key_env: null, api: 'chat_completions' },
  };
}

/**
 * Keys read from files often end in a line break, which no header can carry.
 * @throws {ConfigError} where the variable is not set, or holds no key
 */
export function keyOf(
  { name, api_key_env }: Pick<EndpointDescription, 'name' | 'api_key_env'>,
  env: NodeJS.ProcessEnv,
): string | null {
  if (api_key_env === null) return null;
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
