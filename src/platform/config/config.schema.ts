import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);
// The longest that Node's timers wait; a longer one would fire at once.
const milliseconds = z.number().int().positive().max(2_147_483_647);
/** For spans that are compared with, and that no timer waits for. */
const longMilliseconds = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const bytes = z.number().int().positive();
const count = z.number().int().positive();

const score = z.number().min(0).max(1).nullable();

/** How long a lane's head may wait follows from the shares: `boundOnWait` in `lane-order.policy`. */
const laneLevel = (minShare: number) =>
  z
    .strictObject({
      min_share: z
        .number()
        .min(0)
        .max(0.99)
        .default(minShare)
        .describe(
          'the least part of the dispatches that the lane gets while it has a backlog; all lanes together stay below 1',
        ),
      max_concurrent: count
        .nullable()
        .default(null)
        .describe('calls of this lane at once in one worker; null: no limit but the slots'),
      max_retries: z
        .number()
        .int()
        .min(0)
        .max(100)
        .nullable()
        .default(null)
        .describe('attempts after the first, for messages that say none; null: queue.default_max_retries'),
      timeout_ms: milliseconds
        .nullable()
        .default(null)
        .describe('for one call to a model, where the message says none; null: queue.default_timeout_ms'),
      max_size: z
        .number()
        .int()
        .min(0)
        .default(0)
        .describe('messages waiting in the lane, beyond which submissions are told 429; 0: no limit'),
    })
    .prefault({});

const endpoint = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .describe('a name of your own, unique'),
  base_url: z.url({ protocol: /^https?$/ }).describe('as OpenAI SDKs write it, ending in /v1'),
  models: z
    .array(z.string().min(1))
    .min(1)
    .describe('the models that this endpoint serves; the first is its default'),
  api_key_env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .optional()
    .describe('the environment variable that holds the key'),
  max_concurrency: count.default(8).describe('calls at once from one worker'),
});
export type EndpointConfig = z.infer<typeof endpoint>;

const apiKey = z.strictObject({
  name: z.string().min(1).max(64).describe('a name of your own, unique'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the key, in lower-case hex'),
  role: z.enum(['client', 'admin']).describe("admins may do what changes other users' work"),
  max_priority: z
    .enum(['realtime', 'high', 'normal', 'low'])
    .optional()
    .describe('the most urgent that this key may ask for; more is lowered to it'),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .default('default')
    .describe('a key sees its own tenant only'),
});
export type ApiKeyConfig = z.infer<typeof apiKey>;

/**
 * Every key of `config.yaml`. The key's path in upper case with underscores is the environment variable that overrides
 * it. Descriptions are the configuration reference; they are printed from here, never written twice.
 */
export const configSchema = z.strictObject({
  server: z
    .strictObject({
      host: z
        .string()
        .min(1)
        .default('127.0.0.1')
        .describe('address to listen on; other than loopback needs API keys'),
      port: port.default(8080).describe('0 takes a free port'),
      request_timeout_ms: milliseconds.default(30_000).describe('for a client to send its whole request'),
      max_connections: count.default(10_000).describe('open connections at once'),
      max_waiting_requests: count
        .default(5_000)
        .describe('long polls and streams open at once; one more is told 503'),
      shutdown_timeout_ms: milliseconds
        .default(30_000)
        .describe('to finish or hand back what runs, after SIGTERM'),
    })
    .prefault({}),
  database: z
    .strictObject({
      url: z
        .string()
        .default('')
        .describe('postgres://user:password@host:port/database; empty starts the embedded PostgreSQL'),
      pool_size: count.default(10).describe('connections of one process'),
      schema: z
        .string()
        .regex(/^[a-z_][a-z0-9_]{0,40}$/)
        .default('llmq')
        .describe('the schema that holds the projection'),
    })
    .prefault({}),
  nats: z
    .strictObject({
      url: z
        .string()
        .default('')
        .describe('nats://host:port, several with commas; empty starts the embedded NATS'),
      user: z.string().default('').describe('user, where the server asks for one'),
      password: z.string().default('').describe('password, or the token where the user is empty'),
      replicas: z.number().int().min(1).max(5).default(1).describe('copies of each stream; 3 in a cluster'),
      append_timeout_ms: milliseconds
        .default(5_000)
        .describe('for an event to be durable before the caller gets an error'),
      append_buffer_bytes: bytes
        .default(64 * 1024 * 1024)
        .describe('memory for events on their way; beyond it callers are told 503'),
    })
    .prefault({}),
  queue: z
    .strictObject({
      default_priority: z
        .enum(['realtime', 'high', 'normal', 'low'])
        .default('normal')
        .describe('for messages that say none'),
      preprocessor: z
        .strictObject({
          default_rules: z
            .boolean()
            .default(true)
            .describe('begin with rules for urgent words in English and Chinese'),
          high_score: score
            .default(0.8)
            .describe('urgency of a text, by its analysis, that makes it `high`; null: none'),
          realtime_score: score.default(null).describe('and that makes it `realtime`; null: none'),
        })
        .prefault({}),
      max_content_bytes: bytes
        .max(4 * 1024 * 1024)
        .default(1024 * 1024)
        .describe("of one message's content or chat, in UTF-8"),
      default_timeout_ms: milliseconds.default(300_000).describe('for one call to a model'),
      default_max_retries: z.number().int().min(0).max(100).default(3).describe('attempts after the first'),
      max_lost_calls: count
        .default(30)
        .describe('calls whose worker died before a message is given up as poison'),
      idempotency_ttl_ms: milliseconds
        .min(86_400_000)
        .default(86_400_000)
        .describe('how long the response to a request with an Idempotency-Key is kept; at least a day'),
      levels: z
        .strictObject({
          realtime: laneLevel(0),
          high: laneLevel(0.2),
          normal: laneLevel(0.1),
          low: laneLevel(0.05),
        })
        .prefault({}),
      worker: z
        .strictObject({
          concurrency: count.max(10_000).default(16).describe('slots of one worker: calls to models at once'),
          realtime_reserve: z
            .number()
            .min(0)
            .max(0.9)
            .default(0.1)
            .describe(
              'the part of the slots that only realtime may use; at least one of four or more slots, none where this is 0',
            ),
          prefetch: count
            .max(1_000)
            .default(16)
            .describe(
              'messages of each lane held ready in a worker beyond its slots; more is faster, fewer spread better over workers',
            ),
          ack_wait_ms: milliseconds
            .min(1_000)
            .default(30_000)
            .describe("after which a silent worker's messages go to another"),
        })
        .prefault({}),
      dead_letters: z
        .strictObject({
          webhook_url: z
            .union([z.literal(''), z.url({ protocol: /^https?$/ })])
            .default('')
            .describe(
              'is sent each dead letter, and that the projection has stopped, by POST until it answers 2xx; empty sends none',
            ),
          webhook_secret_env: z
            .string()
            .regex(/^([A-Z_][A-Z0-9_]*)?$/)
            .default('')
            .describe(
              'the environment variable with the secret that webhooks are signed with; empty signs none',
            ),
          webhook_timeout_ms: milliseconds.default(10_000).describe('for the receiver to answer'),
        })
        .prefault({}),
      retry: z
        .strictObject({
          kind: z
            .enum(['exponential', 'fixed'])
            .default('exponential')
            .describe('whether the delay doubles with each further attempt, or stays the same'),
          base_delay_ms: milliseconds.default(1_000).describe('before the second attempt'),
          max_delay_ms: milliseconds.default(60_000).describe('the longest delay between attempts'),
        })
        .prefault({}),
    })
    .prefault({}),
  loadbalancer: z
    .strictObject({
      strategy: z
        .enum(['least_busy', 'round_robin'])
        .default('least_busy')
        .describe('how an endpoint is chosen among those with the model and a free place'),
      connect_timeout_ms: milliseconds.default(10_000).describe('to connect to an endpoint'),
      first_token_timeout_ms: milliseconds.default(120_000).describe('for an endpoint to send anything'),
    })
    .prefault({}),
  endpoints: z.array(endpoint).default([]).describe('the model endpoints; none starts the demo endpoint'),
  demo: z
    .strictObject({
      enabled: z.boolean().default(true).describe('start the demo endpoint when no endpoint is configured'),
      port: port.default(0).describe('of the demo endpoint; 0 takes a free port'),
      tokens_per_second: count.default(50).describe('how fast it answers'),
    })
    .prefault({}),
  conversation: z
    .strictObject({
      max_context_tokens: count
        .default(8_000)
        .describe(
          'for what a model is sent of a conversation, the new turn included; the newest turns that fit',
        ),
      summary: z
        .strictObject({
          model: z
            .string()
            .default('')
            .describe('which sums up the older turns of long conversations; empty for no summaries'),
          after_tokens: count
            .default(4_000)
            .describe(
              'of turns that no summary covers; beyond that the older ones are summed up, until half of it is left',
            ),
          max_tokens: count.default(500).describe('of a summary, as the model is told'),
          timeout_ms: milliseconds
            .max(300_000)
            .default(60_000)
            .describe('for the call of the model, and for a free place at its endpoint'),
          prompt: z
            .string()
            .min(1)
            .default(
              'Sum up the conversation below, for an assistant who will go on with it and will not see it. Keep names, numbers, decisions, open questions and what the user prefers. Take over what still matters of the summary so far. Answer with the summary alone, in the language of the conversation.',
            )
            .describe('what the model is told to do'),
        })
        .prefault({}),
      max_idle_time_ms: longMilliseconds
        .default(30 * 60 * 1_000)
        .describe('after which a conversation without messages becomes inactive; a message wakes it up'),
      conversation_ttl_ms: longMilliseconds
        .default(30 * 24 * 60 * 60 * 1_000)
        .describe(
          'after which a conversation without messages is archived; its content stays until it is erased',
        ),
      max_per_user: count
        .default(10_000)
        .describe('open conversations of one user, about: what comes at once may go beyond it'),
      max_messages: count
        .max(1_000_000)
        .default(10_000)
        .describe('messages of one conversation, about: what comes at once may go beyond it'),
      sweep_interval_ms: milliseconds
        .default(1_000)
        .describe('how often idle, expired and erased conversations are looked for'),
    })
    .prefault({}),
  projection: z
    .strictObject({
      max_batch: count.default(2_000).describe('events folded in one transaction'),
      read_wait_ms: milliseconds
        .default(2_000)
        .describe('how long a read waits for the projection before it answers'),
    })
    .prefault({}),
  logging: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
        .default('info')
        .describe('the least severe that is logged'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      enabled: z.boolean().default(true).describe('serve /metrics in Prometheus text'),
    })
    .prefault({}),
  security: z
    .strictObject({
      api_keys: z.array(apiKey).default([]).describe('without any, the service listens on loopback only'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
