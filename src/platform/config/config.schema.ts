import { z } from 'zod';
import { CALLER_ROLES } from '../../domain/caller-role.policy.js';
import { CHOICE_STRATEGIES } from '../../domain/choice-strategies.policy.js';
import { SETTING_DURATION } from '../../domain/duration.policy.js';
import { DEFAULT_RETRY_TIMES_MS } from '../../domain/webhook/retry-times.policy.js';

const port = z.number().int().min(0).max(65_535);
// The longest that Node's timers wait; a longer one would fire at once.
const milliseconds = z.number().int().positive().max(2_147_483_647);
/** For spans that are compared with, and that no timer waits for. */
const longMilliseconds = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const bytes = z.number().int().positive();
const count = z.number().int().positive();

/** Such as 12h or 30d. */
const retentionAge = z.string().regex(SETTING_DURATION).nullable().default(null);

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
          'the least share of the dispatches that the lane gets while it has a backlog; the sum of all lanes is below 1',
        ),
      max_concurrent: count
        .nullable()
        .default(null)
        .describe('calls of this lane at once in one worker; null: limited by the slots only'),
      max_retries: z
        .number()
        .int()
        .min(0)
        .max(100)
        .nullable()
        .default(null)
        .describe(
          'attempts after the first, for messages that set no max_retries; null: queue.default_max_retries',
        ),
      timeout_ms: milliseconds
        .nullable()
        .default(null)
        .describe(
          'time limit of one call to a model, for messages that set none; null: queue.default_timeout_ms',
        ),
      max_size: z
        .number()
        .int()
        .min(0)
        .default(0)
        .describe('messages waiting in the lane, beyond which submissions are told 429; 0: no limit'),
      max_wait_ms: longMilliseconds
        .nullable()
        .default(null)
        .describe('time in the lane after which a message goes up one lane, once; null: never'),
    })
    .prefault({});

/** Slots for the work of one lane, of one model. */
const laneScale = (waitTargetMs: number) =>
  z
    .strictObject({
      min_slots: z
        .number()
        .int()
        .min(0)
        .max(MOST_SLOTS)
        .default(0)
        .describe('slots that each model keeps for this lane, whatever comes'),
      max_slots: z
        .number()
        .int()
        .min(0)
        .max(MOST_SLOTS)
        .default(1_000)
        .describe('the most slots that a model gets for this lane'),
      wait_target_ms: milliseconds
        .default(waitTargetMs)
        .describe('how long a message of the lane may wait for its slot'),
    })
    .prefault({});

const MOST_SLOTS = 100_000;

/** As the providers name them; what a model can't do is no reason to refuse a request, but one to choose another model. */
export const CAPABILITIES = [
  'vision',
  'tools',
  'json',
  'prefill',
  'reasoning_input',
  'system_anywhere',
] as const;

const perMillion = z.number().min(0).max(1_000_000);
const perToken = z.number().min(0).max(1);

/** Per million tokens, or per token by the names that LiteLLM has. */
const price = z.union([
  z.strictObject({ input: perMillion, output: perMillion, cached: perMillion.optional() }),
  z.strictObject({
    input_cost_per_token: perToken,
    output_cost_per_token: perToken,
    cache_read_input_token_cost: perToken.optional(),
  }),
]);

const model = z.strictObject({
  name: z.string().min(1).describe('the name that clients ask for'),
  upstream: z.string().min(1).optional().describe("the endpoint's own name of it, where that differs"),
  context_tokens: count.optional().describe('the longest request with its answer, in tokens'),
  max_output_tokens: count.optional().describe('the longest answer, in tokens'),
  capabilities: z.array(z.enum(CAPABILITIES)).default([]).describe('what the model can do'),
  price: price.optional().describe('per million tokens, or per token by the names of LiteLLM'),
});
export type ModelConfig = z.infer<typeof model>;

const models = z.array(z.union([z.string().min(1), model])).min(1);

/** Requests per minute, and tokens. */
const perMinute = count.max(1_000_000_000).nullable().default(null);

const endpoint = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .describe('a name of your own, unique'),
  base_url: z.url({ protocol: /^https?$/ }).describe('the base URL as OpenAI SDKs use it, ending in /v1'),
  models: models.describe('the models that this endpoint serves; the first is its default'),
  api_key_env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .optional()
    .describe('the environment variable that holds the key'),
  max_concurrency: count.max(1_000_000).default(8).describe('calls at once, from all workers together'),
  weight: z
    .number()
    .positive()
    .max(1_000)
    .default(1)
    .describe('its part of the calls, for weighted strategies'),
  group: z
    .enum(['primary', 'backup'])
    .default('primary')
    .describe('a backup is called only while no primary endpoint can serve the model'),
  rpm: perMinute.describe('requests per minute, from all workers together; null: no limit'),
  tpm: perMinute.describe('tokens per minute, from all workers together; null: no limit'),
  first_token_timeout_ms: milliseconds
    .nullable()
    .default(null)
    .describe('time to begin its answer; null: loadbalancer.first_token_timeout_ms'),
  idle_timeout_ms: milliseconds
    .nullable()
    .default(null)
    .describe('longest silence inside an answer; null: loadbalancer.idle_timeout_ms'),
  api: z
    .enum(['chat_completions', 'responses'])
    .default('chat_completions')
    .describe('the API of OpenAI by which it is asked for chats'),
  stream: z
    .enum(['auto', 'never'])
    .default('auto')
    .describe('whether answers may be asked for as streams; never: whole answers only'),
  include_usage: z
    .enum(['auto', 'never'])
    .default('auto')
    .describe('whether streams are asked for the usage; never: the endpoint refuses stream_options'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string())
    .default({})
    .describe('headers that each call carries, by name'),
});
export type EndpointConfig = z.infer<typeof endpoint>;

/** As the Standard Webhooks specification has them: 24 to 64 bytes in base64. */
const webhookSecrets = z.array(z.string().regex(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/)).max(5);

const callbackUrl = z.url({ protocol: /^https?$/ }).max(2_048);

const apiKey = z.strictObject({
  name: z.string().min(1).max(64).describe('a name of your own, unique'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the key, in lower-case hex'),
  role: z
    .enum(CALLER_ROLES)
    .describe(
      'viewer only reads; client also submits and changes; admin also manages its tenant; operator also manages lanes, endpoints and all tenants',
    ),
  max_priority: z
    .enum(['realtime', 'high', 'normal', 'low'])
    .optional()
    .describe('the highest priority that this key may ask for; a higher one is lowered to it'),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .default('default')
    .describe('the key sees only this tenant'),
  expires_at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('from then on the key is refused, as 2027-01-31T00:00:00Z'),
  callback_url: callbackUrl
    .optional()
    .describe('the URL that is told when messages of this key end; a message may name another one'),
  webhook_secrets: webhookSecrets
    .optional()
    .describe('what signs the webhooks of its messages; absent: webhooks.secrets'),
});
export type ApiKeyConfig = z.infer<typeof apiKey>;

const natsPublisher = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/)
    .describe('a name of your own, unique; a part of its subjects, and of the name of its stream'),
  nkey: z
    .string()
    .regex(/^U[A-Z2-7]{55}$/)
    .optional()
    .describe('the public key that it logs in with at the embedded NATS; of no use for a NATS of your own'),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .default('default')
    .describe('the tenant that its messages belong to'),
  max_priority: z
    .enum(['realtime', 'high', 'normal', 'low'])
    .optional()
    .describe('the highest priority that it may ask for; a higher one is lowered to it'),
});
export type NatsPublisherConfig = z.infer<typeof natsPublisher>;

/** By model, the models that take its place, the first that can serve first. */
const fallbacks = z.record(z.string().min(1), z.array(z.string().min(1)).min(1)).default({});

const endpointKey = z.strictObject({
  env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .describe('the environment variable that holds the key'),
  origins: z
    .array(z.url({ protocol: /^https?$/ }).regex(/^https?:\/\/[^/?#@\s]+$/))
    .min(1)
    .describe('where it may be sent, as https://api.example.com'),
});

/** What it looks at is said by what is there: words, a pattern, metadata, length. */
const priorityRule = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .describe('a name of your own, unique; that of a default rule takes its place'),
  keywords: z
    .array(z.string().min(1).max(100))
    .max(50)
    .default([])
    .describe('whole words, upper or lower case; one of them is enough'),
  pattern: z.string().min(1).max(256).optional().describe("a regular expression in RE2's syntax"),
  metadata: z
    .record(z.string().min(1).max(256), z.union([z.string().max(256), z.number(), z.boolean()]))
    .default({})
    .describe("what entries of the message's metadata must be, as {vip: true}"),
  min_tokens: z.number().int().min(0).optional().describe('the least tokens of all text of the message'),
  max_tokens: z.number().int().min(0).optional().describe('the most tokens of all text of the message'),
  priority: z
    .enum(['realtime', 'high', 'normal', 'low'])
    .describe('the lane of messages for which all of it is so'),
  weight: z
    .number()
    .positive()
    .max(1_000)
    .default(1)
    .describe('of several rules that match, the priority with the largest sum counts'),
  description: z.string().max(500).default('').describe('a note of your own'),
});
export type PriorityRuleConfig = z.infer<typeof priorityRule>;

const hosts = z.array(z.string().min(1)).default([]);

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
        .describe('address to listen on; any address but loopback needs API keys'),
      port: port.default(8080).describe('port to listen on; 0 takes a free port'),
      cors_origins: z
        .array(z.string().regex(/^https?:\/\/[^/?#@\s]+$/))
        .default([])
        .describe('origins of web pages that may call the service with a key, as https://app.example.com'),
      docs: z
        .enum(['public', 'keys', 'off'])
        .default('public')
        .describe(
          'who may read /api/docs where API keys are configured: everybody, since browsers send no key with an address and the page tells nothing of your data; holders of a key; or nobody, keys or not',
        ),
      request_timeout_ms: milliseconds
        .default(30_000)
        .describe('time for a client to send its whole request'),
      max_connections: count.default(10_000).describe('open client connections at once'),
      max_body_fields: count
        .default(10_000)
        .describe('fields of objects in the body of one request; a batch may have ten times as many'),
      max_waiting_requests: count
        .default(5_000)
        .describe('long polls and streams open at once; further ones get 503'),
      max_waiting_requests_per_key: count
        .default(2_500)
        .describe(
          'the same for one API key, with the subscriptions of its WebSockets; further ones get 429. Without keys only the limit for all holds',
        ),
      shutdown_timeout_ms: milliseconds
        .default(30_000)
        .describe('time after SIGTERM to finish running calls or hand their messages back'),
      websocket: z
        .strictObject({
          max_connections: count
            .default(5_000)
            .describe('open WebSockets of one process whose key is known; further ones get 503'),
          max_connections_per_key: count
            .default(5_000)
            .describe('the same for one API key, or for all clients where there are no keys'),
          max_connections_without_key: count
            .default(200)
            .describe('open WebSockets of one process whose key is still to come, beside the others'),
          max_subscriptions: count.default(100).describe('what one WebSocket may be subscribed to at once'),
          max_subscriptions_per_key: count
            .default(2_500)
            .describe(
              'the same for all WebSockets of one API key in a process, or of all clients where there are no keys',
            ),
          max_frame_bytes: bytes
            .max(32 * 1024 * 1024)
            .default(4 * 1024 * 1024)
            .describe('largest frame of a client; a larger one closes the WebSocket with 1009'),
          max_frames_per_second: count
            .default(100)
            .describe(
              'frames of one client, on average over ten seconds; more close the WebSocket with 4429',
            ),
          max_buffered_bytes: bytes
            .min(64 * 1024)
            .default(256 * 1024)
            .describe('what waits in the service for a client to read it, beyond which pieces are merged'),
          max_waiting_bytes: bytes
            .min(256 * 1024)
            .default(4 * 1024 * 1024)
            .describe(
              'what may wait behind that, merged, of all that one client is subscribed to; beyond it nothing more waits for it, and the WebSocket is closed with 1013 when it reads again or slow_timeout_ms is over',
            ),
          slow_timeout_ms: milliseconds
            .default(30_000)
            .describe('time to read what waits; after it the WebSocket is closed with 1013'),
          idle_timeout_ms: milliseconds
            .default(600_000)
            .describe(
              'time without a frame of the client, and without a subscription; after it the WebSocket is closed with 4408',
            ),
          ping_interval_ms: milliseconds
            .default(25_000)
            .describe('silence of a client after which it is pinged; as long again, and it counts as gone'),
          authenticate_timeout_ms: milliseconds
            .default(10_000)
            .describe('time for the key to come in the first frame, where the handshake carried none'),
        })
        .prefault({}),
    })
    .prefault({}),
  database: z
    .strictObject({
      url: z
        .string()
        .default('')
        .describe(
          'postgres://user:password@host:port/database; where this and database.host are empty, the embedded PostgreSQL starts',
        ),
      host: z
        .string()
        .default('')
        .describe('host of PostgreSQL, or the folder of its socket; instead of database.url'),
      port: port.min(1).nullable().default(null).describe('port of PostgreSQL; null: 5432'),
      user: z.string().default('').describe('user of PostgreSQL'),
      password: z.string().default('').describe('password of that user'),
      password_env: z
        .string()
        .regex(/^([A-Z_][A-Z0-9_]*)?$/)
        .default('')
        .describe('the environment variable that holds the password, instead of database.password'),
      dbname: z.string().default('').describe('name of the database; empty: that of the user'),
      sslmode: z
        .enum(['disable', 'require', 'verify-full'])
        .nullable()
        .default(null)
        .describe(
          'require encrypts and takes any certificate, verify-full checks certificate and host; null: not encrypted, unless the URL says it',
        ),
      pool_size: count.default(10).describe('database connections of one process'),
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
      user: z.string().default('').describe('user name, if the server needs one'),
      password: z.string().default('').describe('password, or a token if the user is empty'),
      replicas: z.number().int().min(1).max(5).default(1).describe('copies of each stream; 3 in a cluster'),
      append_timeout_ms: milliseconds
        .default(5_000)
        .describe('time for an event to become durable; after it the caller gets an error'),
      append_buffer_bytes: bytes
        .default(64 * 1024 * 1024)
        .describe('memory for events on their way to NATS; beyond it callers get 503'),
      max_store_bytes: bytes
        .nullable()
        .default(null)
        .describe(
          'most that the embedded NATS stores (its max_file_store); null: what its disk has, seen again at each of its starts',
        ),
      reserve_bytes: z
        .number()
        .int()
        .min(0)
        .default(512 * 1024 * 1024)
        .describe(
          "room that new messages leave for the events of those under way: on the embedded NATS's disk, and below the limit of any store; below it they get 507",
        ),
      intake: z
        .strictObject({
          enabled: z
            .boolean()
            .default(true)
            .describe('takes messages that are published to llmq.intake.<lane> and llmq.intake.auto'),
          max_messages: count
            .default(100_000)
            .describe('messages that wait to be taken in, of one publisher; beyond it NATS refuses to store'),
          max_bytes: bytes
            .nullable()
            .default(256 * 1024 * 1024)
            .describe(
              'bytes that wait to be taken in, of one publisher, which NATS sets aside; where it has less room the limit is lower; null: no limit',
            ),
        })
        .prefault({}),
      publishers: z
        .array(natsPublisher)
        .default([])
        .describe("who may publish messages with rights of its own; empty: the service's own login alone"),
    })
    .prefault({}),
  queue: z
    .strictObject({
      default_priority: z
        .enum(['realtime', 'high', 'normal', 'low'])
        .default('normal')
        .describe('priority of messages for which nothing else decides one'),
      preprocessor: z
        .strictObject({
          default_rules: z
            .boolean()
            .default(true)
            .describe('start with rules for urgent words in English and Chinese'),
          rules: z
            .array(priorityRule)
            .max(50)
            .default([])
            .describe('priority rules that every tenant begins with; its admins change theirs over HTTP'),
          high_score: score
            .default(0.8)
            .describe('a text with at least this urgency becomes `high`; null: never'),
          realtime_score: score
            .default(null)
            .describe('a text with at least this urgency becomes `realtime`; null: never'),
        })
        .prefault({}),
      max_content_bytes: bytes
        .max(20 * 1024 * 1024)
        .default(1024 * 1024)
        .describe('largest content or chat of one message, in UTF-8; 20 MiB for ordinary photos'),
      large_part_bytes: bytes
        .min(16 * 1024)
        .max(1024 * 1024)
        .default(256 * 1024)
        .describe(
          'a picture, file or text of a message from this size on is kept in the object store beside the log',
        ),
      // Long, since silence is noticed by other limits: this one ends calls that flow, which only who asks for it wants.
      default_timeout_ms: milliseconds
        .default(3_600_000)
        .describe(
          'time limit of one whole call to a model, also of one whose answer flows; silence is ended by loadbalancer.first_token_timeout_ms and idle_timeout_ms',
        ),
      default_max_retries: z.number().int().min(0).max(100).default(3).describe('attempts after the first'),
      max_lost_calls: count
        .default(30)
        .describe('calls lost with their workers after which a message becomes a dead letter'),
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
          concurrency: count
            .max(10_000)
            .default(16)
            .describe('slots of one worker: its calls to models at once'),
          realtime_reserve: z
            .number()
            .min(0)
            .max(0.9)
            .default(0.1)
            .describe(
              'the share of the slots that only realtime may use; at least one slot if there are four or more, none if this is 0',
            ),
          prefetch: count
            .max(1_000)
            .default(64)
            .describe(
              'messages of each lane and model that a worker may fetch beyond the free places, of models whose calls take milliseconds; of others it fetches none',
            ),
          ack_wait_ms: milliseconds
            .min(1_000)
            .default(30_000)
            .describe(
              'lease of a message: if its worker does not renew it in this time, the message goes to another one',
            ),
        })
        .prefault({}),
      dead_letters: z
        .strictObject({
          webhook_url: z
            .union([z.literal(''), z.url({ protocol: /^https?$/ })])
            .default('')
            .describe(
              'URL that gets each alert (dead letter, stopped projection) by POST until it answers 2xx; empty: none',
            ),
          webhook_secret_env: z
            .string()
            .regex(/^([A-Z_][A-Z0-9_]*)?$/)
            .default('')
            .describe('the environment variable with the secret that signs webhooks; empty: not signed'),
          webhook_timeout_ms: milliseconds
            .default(10_000)
            .describe('time for the receiver of a webhook to answer'),
        })
        .prefault({}),
      retry: z
        .strictObject({
          kind: z
            .enum(['exponential', 'fixed'])
            .default('exponential')
            .describe(
              'whether the delay doubles with each further attempt (exponential) or stays the same (fixed)',
            ),
          base_delay_ms: milliseconds.default(1_000).describe('delay before the second attempt'),
          max_delay_ms: milliseconds.default(60_000).describe('the longest delay between attempts'),
        })
        .prefault({}),
    })
    .prefault({}),
  loadbalancer: z
    .strictObject({
      strategy: z
        .enum(CHOICE_STRATEGIES)
        .default('least_connections')
        .describe(
          'how to choose among the endpoints that have the model and a free place; least_busy is least_connections',
        ),
      affinity: z
        .enum(['none', 'conversation', 'user'])
        .default('none')
        .describe(
          'what stays with one endpoint, whatever the strategy, while that is healthy and not above 1.25 times the mean load',
        ),
      connect_timeout_ms: milliseconds.default(10_000).describe('time to connect to an endpoint'),
      first_token_timeout_ms: milliseconds
        .default(120_000)
        .describe('time for an endpoint to send the first piece of its answer; pings are none'),
      idle_timeout_ms: milliseconds
        .default(30_000)
        .describe(
          'longest silence between two pieces of an answer; pings are none, behind the first each event of Responses is',
        ),
      max_hops: z
        .number()
        .int()
        .min(0)
        .max(20)
        .default(3)
        .describe('how often one attempt may go on at another endpoint or model'),
      failover: z
        .enum(['continue', 'restart', 'fail'])
        .default('continue')
        .describe(
          'what follows an answer that was cut: another endpoint goes on behind the text, begins again, or the attempt fails',
        ),
      fallbacks: fallbacks.describe('models to ask where no endpoint of a model can serve'),
      context_window_fallbacks: fallbacks.describe('models to ask where a request is too long for a model'),
      content_policy_fallbacks: fallbacks.describe('models to ask where a provider refuses the content'),
    })
    .prefault({}),
  scheduler: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe('whether the size is decided; of all processes with the role scheduler one leads'),
      dry_run: z.boolean().default(false).describe('decide and tell, and order nothing'),
      strategy: z
        .enum(['static', 'dynamic', 'adaptive', 'hybrid'])
        .default('hybrid')
        .describe('how many slots are wanted; docs/scaling.md compares them'),
      actuator: z
        .enum(['none', 'slots', 'processes', 'kubernetes'])
        .default('none')
        .describe(
          'what carries a decision out: nothing here, others read the metrics (none); the slots of the workers that run (slots); worker processes on this machine; a Kubernetes Deployment',
        ),
      interval_ms: milliseconds.min(100).default(1_000).describe('how often the leader reads and decides'),
      min_slots: z
        .number()
        .int()
        .min(0)
        .max(MOST_SLOTS)
        .default(1)
        .describe(
          'the fewest slots of all models together; 0 with zero_after_ms: none where nothing is to do',
        ),
      max_slots: count.max(MOST_SLOTS).default(1_000).describe('the most slots of all models together'),
      static_slots: count
        .max(MOST_SLOTS)
        .default(16)
        .describe('slots of all models together, for the strategy static'),
      utilisation: z
        .number()
        .min(0.05)
        .max(1)
        .default(0.8)
        .describe('the share of the slots that work shall keep busy'),
      hysteresis: z
        .number()
        .min(0)
        .max(0.9)
        .default(0.1)
        .describe('a size stays while the wanted one is nearer to it than this share'),
      attainment: z
        .number()
        .min(0.5)
        .max(0.999)
        .default(0.98)
        .describe('the share of the messages that shall meet their wait targets, for the strategy hybrid'),
      up_cool_down_ms: z
        .number()
        .int()
        .min(0)
        .max(86_400_000)
        .default(15_000)
        .describe('time from a raise to the next'),
      down_cool_down_ms: z
        .number()
        .int()
        .min(0)
        .max(86_400_000)
        .default(300_000)
        .describe('slots go when none of the sizes wanted in this time needed them'),
      zero_after_ms: milliseconds
        .nullable()
        .default(null)
        .describe('time without any work after which a model has no slots; null: it keeps one at least'),
      start_delay_ms: z
        .number()
        .int()
        .min(0)
        .max(3_600_000)
        .default(1_000)
        .describe('time from the order of a slot to its first call, until one was seen'),
      slots_per_worker: count
        .max(10_000)
        .nullable()
        .default(null)
        .describe('slots of a worker that is started or counted; null: queue.worker.concurrency'),
      lanes: z
        .strictObject({
          realtime: laneScale(1_000),
          high: laneScale(3_000),
          normal: laneScale(10_000),
          low: laneScale(60_000),
        })
        .prefault({}),
      keda: z
        .strictObject({
          port: port
            .min(1)
            .nullable()
            .default(null)
            .describe(
              "port of KEDA's external scaler (gRPC) in processes with the role api, at server.host; not encrypted and without keys, for the network of a cluster only; null: off",
            ),
        })
        .prefault({}),
      processes: z
        .strictObject({
          max: count
            .max(1_000)
            .default(8)
            .describe('the most worker processes that a scheduler has on its machine'),
          drain_timeout_ms: milliseconds
            .default(600_000)
            .describe('how long a worker process that is not needed may finish its calls'),
        })
        .prefault({}),
      kubernetes: z
        .strictObject({
          deployment: z.string().default('').describe('the Deployment of the workers'),
          namespace: z.string().default('').describe("its namespace; empty: that of the scheduler's own pod"),
          kubeconfig: z
            .string()
            .default('')
            .describe("path of a kubeconfig file; empty: the service account of the scheduler's own pod"),
        })
        .prefault({}),
    })
    .prefault({}),
  openai: z
    .strictObject({
      client_timeout: z
        .enum(['ignore', 'deadline'])
        .default('ignore')
        .describe('whether the time-out that an SDK tells (x-stainless-timeout) becomes the deadline'),
      on_disconnect: z
        .enum(['continue', 'cancel'])
        .default('continue')
        .describe('what becomes of a message whose client has gone away'),
      endpoint_errors: z
        .enum(['show', 'hide'])
        .default('show')
        .describe("whether clients are told an endpoint's own words when it fails"),
      stream_headers_after_ms: milliseconds
        .default(2_000)
        .describe(
          'time after which a stream that waits sends its headers; what fails before has a status of its own, what fails later is told in the stream',
        ),
      heartbeat_ms: milliseconds
        .default(5_000)
        .describe('silence after which a stream sends a comment that tells what its message waits for'),
    })
    .prefault({}),
  prices: z
    .record(z.string().min(1), price)
    .default({})
    .describe(
      "what a million tokens of a model cost, where its endpoint says nothing; LiteLLM's names (input_cost_per_token, ...) are per token",
    ),
  endpoints: z
    .array(endpoint)
    .default([])
    .describe('the model endpoints; without any, the demo endpoint starts'),
  demo: z
    .strictObject({
      enabled: z.boolean().default(true).describe('start the demo endpoint if no endpoint is configured'),
      port: port.default(0).describe('port of the demo endpoint; 0 takes a free port'),
      tokens_per_second: count.default(50).describe('speed of the demo endpoint'),
    })
    .prefault({}),
  conversation: z
    .strictObject({
      max_context_tokens: count
        .default(8_000)
        .describe(
          'most tokens of a conversation that a model gets, unless its context_tokens say: the new turn and the earlier ones that fit',
        ),
      part_tokens: z
        .strictObject({
          picture_low: count.default(85).describe('tokens counted for a picture with low detail'),
          picture_high: count.default(765).describe('tokens counted for any other picture'),
          audio: count.default(600).describe('tokens counted for a piece of audio'),
          file: count.default(1_500).describe('tokens counted for a file, and for what has no name here'),
        })
        .prefault({}),
      summary: z
        .strictObject({
          model: z
            .string()
            .default('')
            .describe('the model that sums up the older turns of long conversations; empty: no summaries'),
          after_tokens: count
            .default(4_000)
            .describe(
              'most tokens of turns without a summary; beyond it the older turns are summed up, until half of it is left',
            ),
          max_tokens: count.default(500).describe('length of a summary that the model is asked for'),
          timeout_ms: milliseconds
            .max(300_000)
            .default(60_000)
            .describe('time limit of the call, including the wait for a free place at an endpoint'),
          prompt: z
            .string()
            .min(1)
            .default(
              'Sum up the conversation below, for an assistant who will go on with it and will not see it. Keep names, numbers, decisions, open questions and what the user prefers. Take over what still matters of the summary so far. Answer with the summary alone, in the language of the conversation.',
            )
            .describe('the instruction for the model that makes summaries'),
        })
        .prefault({}),
      max_idle_time_ms: longMilliseconds
        .default(30 * 60 * 1_000)
        .describe(
          'time without messages after which a conversation becomes inactive; the next message makes it active again',
        ),
      conversation_ttl_ms: longMilliseconds
        .default(30 * 24 * 60 * 60 * 1_000)
        .describe(
          'time without messages after which a conversation is archived; its content stays until it is erased',
        ),
      max_per_user: count
        .default(10_000)
        .describe(
          'approximate limit of open conversations of one user; requests at the same moment may exceed it',
        ),
      max_messages: count
        .max(1_000_000)
        .default(10_000)
        .describe(
          'approximate limit of messages in one conversation; requests at the same moment may exceed it',
        ),
      sweep_interval_ms: milliseconds
        .default(1_000)
        .describe(
          'how often the service looks for idle, expired and erased conversations; when nothing happens, every 10 s',
        ),
    })
    .prefault({}),
  retention: z
    .strictObject({
      content: retentionAge.describe(
        'age at which ended messages lose what was asked and answered, counted from their end; null: never',
      ),
      messages: retentionAge.describe(
        'age at which ended messages are erased as a whole, counted from their end; null: never',
      ),
    })
    .prefault({}),
  projection: z
    .strictObject({
      max_batch: count
        .default(2_000)
        .describe('largest number of events in one transaction of the projector'),
      read_wait_ms: milliseconds.default(2_000).describe('longest time that a read waits for the projection'),
    })
    .prefault({}),
  logging: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
        .default('info')
        .describe('the least severe level that is logged'),
      format: z
        .enum(['auto', 'json', 'text'])
        .default('auto')
        .describe('one JSON object a line, or plain lines; auto: plain lines at a terminal'),
      file: z
        .string()
        .default('')
        .describe('a file that gets the logs; empty: standard error. Each process needs its own'),
      max_file_bytes: bytes
        .min(64 * 1024)
        .default(50 * 1024 * 1024)
        .describe('size at which the file becomes `<file>.1`, and that one `<file>.2`'),
      max_files: count.max(1_000).default(5).describe('how many of those are kept'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      enabled: z.boolean().default(true).describe('serve /metrics in Prometheus text'),
      port: port
        .min(1)
        .nullable()
        .default(null)
        .describe(
          'a port of its own for /metrics, at server.host; not encrypted and without keys, for the network of a cluster only; null: at server.port alone, where a key is asked for',
        ),
    })
    .prefault({}),
  tracing: z
    .strictObject({
      endpoint: z
        .union([z.literal(''), z.url({ protocol: /^https?$/ })])
        .default('')
        .describe(
          'the base URL of the OTLP receiver that gets traces, such as http://127.0.0.1:4318; empty: OTEL_EXPORTER_OTLP_ENDPOINT says it, and without that there are no traces',
        ),
      sample_ratio: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe(
          'the share of the traces that is kept, 0 to 1, where the caller has not decided it; OTEL_TRACES_SAMPLER goes before it',
        ),
    })
    .prefault({}),
  batches: z
    .strictObject({
      max_file_bytes: bytes
        .default(200 * 1024 * 1024)
        .describe(
          'largest file that clients may upload; it must arrive within server.request_timeout_ms like every request',
        ),
      max_stored_bytes: bytes
        .nullable()
        .default(100 * 1024 ** 3)
        .describe(
          'total bytes of the files of a tenant, results of batches included; at this limit uploads are refused. Uploads that several processes receive at the same time can exceed it. null: no limit',
        ),
      max_lines: count.max(1_000_000).default(50_000).describe('lines of one batch'),
      lines_in_flight: count
        .max(10_000)
        .default(500)
        .describe(
          'lines of one batch that wait in the queue or run at once; as many as the workers have slots, and some more, keep these busy',
        ),
      at_once: count
        .max(100)
        .default(4)
        .describe(
          'batches that one process carries out at once; further ones wait for it, or for another one',
        ),
      keep_files: z
        .string()
        .regex(SETTING_DURATION)
        .nullable()
        .default('30d')
        .describe(
          'files are deleted when they are older, unless their client has said when; such as 12h or 30d; null: never',
        ),
      keep_batches: z
        .string()
        .regex(SETTING_DURATION)
        .nullable()
        .default('365d')
        .describe('batches that ended longer ago are not known any more; null: never'),
    })
    .prefault({}),
  webhooks: z
    .strictObject({
      url: z
        .union([z.literal(''), callbackUrl])
        .default('')
        .describe(
          'the URL that is told when messages end; a key or a message may name another one; empty: only those are told',
        ),
      secrets: webhookSecrets
        .default([])
        .describe(
          'what signs webhooks: whsec_ and 24 to 64 random bytes in base64; with several, receivers can change from one to the other; without any, no webhooks',
        ),
      timeout_ms: milliseconds
        .min(1_000)
        .max(30_000)
        .default(15_000)
        .describe('time for the receiver of a webhook to answer'),
      retry_times_ms: z
        .array(longMilliseconds)
        .max(20)
        .default([...DEFAULT_RETRY_TIMES_MS])
        .describe(
          'when a webhook that was not taken is tried again, counted from the first try; each wait is up to a tenth longer or shorter',
        ),
    })
    .prefault({}),
  security: z
    .strictObject({
      api_keys: z
        .array(apiKey)
        .default([])
        .describe('the keys of callers; without any, the service listens on loopback only'),
      endpoint_keys: z
        .array(endpointKey)
        .default([])
        .describe(
          'which keys endpoints registered over HTTP may use, and where these are sent; the keys of the endpoints in this file may be used at their own origins without being named here',
        ),
      egress: z
        .strictObject({
          allow: hosts.describe(
            'hosts (*.example.com too) and networks (10.0.0.0/8) that may be called though they are private',
          ),
          deny: hosts.describe('hosts and networks that are never called'),
        })
        .prefault({}),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
