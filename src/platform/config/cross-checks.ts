import { isIPv4 } from 'node:net';
import { MAX_REQUEST_JSON_BYTES } from '../../domain/message/large-parts.policy.js';
import { egressRuleProblem } from '../security/egress.policy.js';
import type { DeepReadonly, ModelConfig } from './config.schema.js';
import { problemOfRule } from './priority-rule-check.js';
import { ROLES, type ServiceConfig } from './service-config.js';

/** A problem stops the start; a warning does not. */
export interface Findings {
  readonly problems: string[];
  /** Variables that the configuration names and that are not set; they stop the start as well. */
  readonly unset: string[];
  readonly warnings: string[];
}

/** What clients call it, of an endpoint's list of models. */
function modelName(model: string | DeepReadonly<ModelConfig>): string {
  return typeof model === 'string' ? model : model.name;
}

type Check = (config: ServiceConfig, env: NodeJS.ProcessEnv) => string[];

function repeated(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

/** What messages are known by that come over the service's own login at NATS. */
const OWN_LOGIN = 'nats';

const uniqueNames: Check = ({ endpoints, security, nats }) => [
  // Some file systems take both for one folder of the embedded NATS.
  ...repeated(nats.publishers.map(({ name }) => name.toLowerCase())).map(
    (name) =>
      `nats.publishers: two of them have the name ${name}, whatever the case of its letters. Give each its own.`,
  ),
  ...repeated(nats.publishers.flatMap(({ nkey }) => nkey ?? [])).map(
    (nkey) =>
      `nats.publishers: two of them have the nkey ${nkey}, so they are one login. Make another with \`npm run keys:create -- --nats\`.`,
  ),
  ...repeated(endpoints.map(({ name }) => name)).map(
    (name) =>
      `endpoints: two of them have the name ${name}. Give each its own; events and metrics tell them apart by it.`,
  ),
  ...repeated(security.api_keys.map(({ name }) => name)).map(
    (name) => `security.api_keys: two of them have the name ${name}. Give each its own.`,
  ),
  ...security.api_keys.flatMap(({ name }) =>
    nats.publishers.some((publisher) => publisher.name === name) || name === OWN_LOGIN
      ? [
          `security.api_keys: ${name} is also the name of ${name === OWN_LOGIN ? "the service's own login at NATS" : 'one of nats.publishers'}. Give the key another name; who sent a message, and who is told of its end, is known by the name.`,
        ]
      : [],
  ),
  ...(nats.publishers.some(({ name }) => name === OWN_LOGIN)
    ? [`nats.publishers: ${OWN_LOGIN} is the name of the service's own login. Give the publisher another.`]
    : []),
  ...repeated(security.api_keys.map(({ sha256 }) => sha256)).map((sha256) => {
    const names = security.api_keys.filter((key) => key.sha256 === sha256).map(({ name }) => name);
    return `security.api_keys: ${names.join(' and ')} have the same sha256, so they are one key. Make another with \`npm run keys:create\`.`;
  }),
];

const keysBeyondLoopback: Check = ({ server, security, configFile }) =>
  isLoopback(server.host) || security.api_keys.length > 0
    ? []
    : [
        `server.host is ${server.host}, which other machines can reach, and security.api_keys is empty. Make a key with \`npm run keys:create\` and put its entry under security.api_keys in ${configFile} (or into SECURITY_API_KEYS), or set SERVER_HOST=127.0.0.1.`,
      ];

const pagesNeedKeys: Check = ({ server, security }) =>
  server.cors_origins.length === 0 || security.api_keys.length > 0
    ? []
    : [
        'server.cors_origins lets web pages in, and security.api_keys is empty, so that any of them could do everything. Make a key with `npm run keys:create`, or take the origins out.',
      ];

const endpointKeysAreThere: Check = ({ endpoints, roles }, env) =>
  endpoints.flatMap(({ api_key_env: name }, index) =>
    !roles.has('worker') || name === undefined || env[name]
      ? []
      : [
          `endpoints[${index}].api_key_env names ${name}, but the environment variable ${name} is not set. Set it to the endpoint's key, or remove api_key_env where the endpoint needs none.`,
        ],
  );

const databasePasswordIsThere: Check = ({ database: { password_env: name } }, env) =>
  name === '' || env[name]
    ? []
    : [
        `database.password_env names ${name}, but the environment variable ${name} is not set. Set it to the password, or leave database.password_env empty where PostgreSQL needs none.`,
      ];

const plainBaseUrls: Check = ({ endpoints }) =>
  endpoints.flatMap(({ name, base_url }, index) => {
    const url = new URL(base_url);
    if (url.username !== '' || url.password !== '') {
      return [
        `endpoints[${index}].base_url (${name}) holds a user or a password. Keep the key in an environment variable and name it in api_key_env.`,
      ];
    }
    return url.search === '' && url.hash === ''
      ? []
      : [
          `endpoints[${index}].base_url (${name}) has a ? or # part, which can't be joined with paths. Remove it.`,
        ];
  });

const someEndpoint: Check = ({ endpoints, demo, roles }) =>
  endpoints.length > 0 || demo.enabled || !roles.has('worker')
    ? []
    : [
        'endpoints is empty and demo.enabled is false, so a worker has nowhere to send messages. Add an endpoint, or set DEMO_ENABLED=true.',
      ];

const databaseUrl: Check = ({ database }) =>
  database.url === '' || (/^postgres(ql)?:\/\//.test(database.url) && URL.canParse(database.url))
    ? []
    : [
        'database.url (not shown, it may hold a password) is not a PostgreSQL address. Write postgres://user:password@host:port/database, or leave it empty for the embedded PostgreSQL.',
      ];

const natsUrl: Check = ({ nats }) => {
  const servers = nats.url === '' ? [] : nats.url.split(',').map((server) => server.trim());
  const wrong = servers.filter((server) => {
    const address = server.includes('://') ? server : `nats://${server}`;
    return !/^(nats|tls):\/\//.test(address) || !URL.canParse(address) || new URL(address).hostname === '';
  });
  return wrong.length === 0
    ? []
    : [
        'nats.url (not shown, it may hold a password) has an entry that is not a NATS address. Write nats://host:4222 or tls://host:4222, several with commas between, or leave it empty for the embedded NATS.',
      ];
};

const replicasNeedACluster: Check = ({ nats }) =>
  nats.url === '' && nats.replicas > 1
    ? [
        `nats.replicas is ${nats.replicas}, but the embedded NATS is a single server. Set nats.url to a cluster, or NATS_REPLICAS=1.`,
      ]
    : [];

const delaysInOrder: Check = ({ queue: { retry } }) =>
  retry.base_delay_ms <= retry.max_delay_ms
    ? []
    : [
        `queue.retry.base_delay_ms (${retry.base_delay_ms}) is above queue.retry.max_delay_ms (${retry.max_delay_ms}). Lower the one or raise the other.`,
      ];

/** Shares of 1 together would leave nothing for the order of lanes, and no bound on the wait. */
const noLaneAboveTheHighest: Check = ({ queue: { levels } }) =>
  levels.realtime.max_wait_ms === null
    ? []
    : [
        'queue.levels.realtime.max_wait_ms is set, and there is no lane above realtime. Take it out, or set it for high, normal or low.',
      ];

const sharesLeaveRoom: Check = ({ queue: { levels } }) => {
  const entries = Object.entries(levels).map(([lane, { min_share: share }]) => ({ lane, share }));
  const sum = entries.reduce((total, { share }) => total + Math.round(share * 1e6), 0) / 1e6;
  const listed = entries.map(({ lane, share }) => `${lane} ${share}`).join(', ');
  return sum < 1
    ? []
    : [
        `queue.levels: the min_share of all lanes together is ${sum} (${listed}) and must be below 1. Lower one of them, e.g. QUEUE_LEVELS_HIGH_MIN_SHARE=0.2.`,
      ];
};

const bufferHoldsAMessage: Check = ({ nats, queue }) =>
  nats.append_buffer_bytes >= 2 * Math.min(queue.max_content_bytes, MAX_REQUEST_JSON_BYTES)
    ? []
    : [
        `nats.append_buffer_bytes (${nats.append_buffer_bytes}) must be at least twice queue.max_content_bytes (${queue.max_content_bytes}), or the largest message could never be stored. Raise NATS_APPEND_BUFFER_BYTES to ${2 * queue.max_content_bytes}.`,
      ];

/** What the streams that have a size need of the store, with as much again for the first events. */
const SMALLEST_STORE_BYTES = 128 * 1024 * 1024;

const storeHoldsMoreThanItsReserve: Check = ({ nats: { max_store_bytes: most, reserve_bytes: reserve } }) =>
  most === null || most >= reserve + SMALLEST_STORE_BYTES
    ? []
    : [
        `nats.max_store_bytes (${most}) must be at least nats.reserve_bytes (${reserve}) and 128 MiB more, or no message could be accepted. Raise NATS_MAX_STORE_BYTES to ${reserve + SMALLEST_STORE_BYTES}, or lower NATS_RESERVE_BYTES.`,
      ];

const summariesFit: Check = ({ conversation: { max_context_tokens: most, summary }, endpoints }) => {
  if (summary.model === '') return [];
  const served =
    endpoints.length === 0 ||
    endpoints.some(({ models }) => models.some((model) => modelName(model) === summary.model));
  return [
    ...(served
      ? []
      : [
          `conversation.summary.model is ${summary.model}, which no endpoint serves. Add it to the models of an endpoint, or leave it empty for no summaries.`,
        ]),
    ...(summary.after_tokens + summary.max_tokens < most
      ? []
      : [
          `conversation.summary.after_tokens (${summary.after_tokens}) and max_tokens (${summary.max_tokens}) together must be below conversation.max_context_tokens (${most}), or turns fall out before they are summed up. Lower them, e.g. CONVERSATION_SUMMARY_AFTER_TOKENS=${Math.max(1, Math.floor(most / 2))}.`,
        ]),
  ];
};

const slotsInOrder: Check = ({ scheduler }) => [
  ...(scheduler.min_slots <= scheduler.max_slots
    ? []
    : [
        `scheduler.min_slots (${scheduler.min_slots}) is above scheduler.max_slots (${scheduler.max_slots}). Lower the one or raise the other.`,
      ]),
  ...Object.entries(scheduler.lanes).flatMap(([lane, { min_slots: least, max_slots: most }]) =>
    least <= most
      ? []
      : [
          `scheduler.lanes.${lane}.min_slots (${least}) is above its max_slots (${most}). Lower the one or raise the other.`,
        ],
  ),
];

const deploymentIsNamed: Check = ({ scheduler: { enabled, actuator, kubernetes } }) =>
  enabled && actuator === 'kubernetes' && kubernetes.deployment === ''
    ? [
        'scheduler.actuator is kubernetes, and scheduler.kubernetes.deployment is empty. Name the Deployment of the workers (SCHEDULER_KUBERNETES_DEPLOYMENT).',
      ]
    : [];

const portsDiffer: Check = ({ server, demo, endpoints, scheduler }) => [
  ...(server.port !== 0 && server.port === demo.port && demo.enabled && endpoints.length === 0
    ? [`demo.port is ${demo.port}, the same as server.port. Choose another, or 0 for a free one.`]
    : []),
  ...(scheduler.keda.port === server.port
    ? [`scheduler.keda.port is ${server.port}, the same as server.port. Choose another.`]
    : []),
];

const baseUrlEnding: Check = ({ endpoints }) =>
  endpoints
    .filter(({ base_url }) => !/\/v1\/?$/.test(base_url))
    .map(
      ({ name }) =>
        `the base_url of endpoint ${name} does not end in /v1. OpenAI-compatible servers mostly want it there (http://host:8000/v1); where calls answer 404, that is why.`,
    );

/** A scheduler that is off is missed by nobody. */
/** Workers that this process starts are told where its servers are. */
const splitRolesShareServers: Check = ({ roles, nats, database, scheduler }) => {
  const startsWorkers = scheduler.enabled && scheduler.actuator === 'processes' && roles.has('scheduler');
  const elsewhere = ROLES.filter((role) => !roles.has(role)).filter(
    (role) => !(role === 'scheduler' && !scheduler.enabled) && !(role === 'worker' && startsWorkers),
  );
  return elsewhere.length > 0 ? withoutAddress(nats.url, database.url) : [];
};

/** Only what is missing is named. */
function withoutAddress(natsUrl: string, databaseUrl: string): string[] {
  const embedded = [
    ...(natsUrl === '' ? [{ server: 'a NATS server', variable: 'NATS_URL' }] : []),
    ...(databaseUrl === '' ? [{ server: 'a PostgreSQL', variable: 'DATABASE_URL' }] : []),
  ];
  if (embedded.length === 0) return [];
  const servers = embedded.map(({ server }) => server).join(' and ');
  const variables = embedded.map(({ variable }) => variable).join(' and ');
  return [
    `LLMQ_ROLES leaves roles to other processes, but this one starts ${servers} of its own, which the others do not know. Set ${variables} to the same for all of them: to a server of yours, or for the others to this one's, which "npm run llmq -- status --show-secrets" tells while it runs.`,
  ];
}

const credentialsWithoutUrl: Check = ({ nats }) =>
  nats.url === '' && (nats.user !== '' || nats.password !== '')
    ? ['nats.user and nats.password are ignored without nats.url: the embedded NATS makes its own.']
    : [];

const storeLimitWithoutStore: Check = ({ nats }) =>
  nats.url !== '' && nats.max_store_bytes !== null
    ? [
        'nats.max_store_bytes is ignored with nats.url: set max_file_store in the configuration of that server.',
      ]
    : [];

const egressEntries: Check = ({ security: { egress } }) =>
  (['allow', 'deny'] as const).flatMap((list) =>
    egress[list].flatMap((entry) => {
      const problem = egressRuleProblem(entry);
      return problem === null ? [] : [`security.egress.${list}: ${problem}.`];
    }),
  );

const retryTimesRise: Check = ({ webhooks: { retry_times_ms: times } }) =>
  times.every((time, at) => at === 0 || time > times[at - 1]!)
    ? []
    : [
        'webhooks.retry_times_ms does not rise. Each time is counted from the first try, and lies behind the one before it.',
      ];

/** A receiver could not tell an unsigned webhook from one that somebody else sent. */
const webhooksAreSigned: Check = ({ webhooks, security }) => [
  ...(webhooks.url !== '' && webhooks.secrets.length === 0
    ? [
        'webhooks.url is set and webhooks.secrets is empty. Set WEBHOOKS_SECRETS, e.g. to the JSON list of one whsec_ secret.',
      ]
    : []),
  ...security.api_keys.flatMap(({ name, callback_url, webhook_secrets }, index) =>
    callback_url === undefined || (webhook_secrets ?? webhooks.secrets).length > 0
      ? []
      : [
          `security.api_keys[${index}] (${name}) has a callback_url and no secret that signs. Set webhook_secrets beside it, or webhooks.secrets.`,
        ],
  ),
];

const callbacksHoldNoPassword: Check = ({ webhooks, security }) =>
  [
    ['webhooks.url', webhooks.url] as const,
    ...security.api_keys.map(
      ({ callback_url }, index) => [`security.api_keys[${index}].callback_url`, callback_url ?? ''] as const,
    ),
  ].flatMap(([key, url]) =>
    url === '' || (new URL(url).username === '' && new URL(url).password === '')
      ? []
      : [`${key} holds a user or a password. Webhooks are signed; let the receiver check the signature.`],
  );

const modelsAreNamedOnce: Check = ({ endpoints }) =>
  endpoints.flatMap(({ name, models }, index) =>
    repeated(models.map(modelName)).map(
      (model) => `endpoints[${index}].models (${name}) names ${model} twice. Name each model once.`,
    ),
  );

/** A line break in a header would be refused by each call. */
const headersCanBeSent: Check = ({ endpoints }) =>
  endpoints.flatMap(({ name, headers }, index) =>
    Object.entries(headers).flatMap(([header, value]) =>
      /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
        ? []
        : [
            `endpoints[${index}].headers.${header} (${name}) holds characters that a header can't have, such as a line break (its value is not shown, it may hold secrets).`,
          ],
    ),
  );

const FALLBACK_KINDS = ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'] as const;

const fallbacksLeadElsewhere: Check = ({ loadbalancer }) =>
  FALLBACK_KINDS.flatMap((kind) =>
    Object.entries(loadbalancer[kind]).flatMap(([model, others]) =>
      others.includes(model)
        ? [`loadbalancer.${kind} names ${model} as its own fallback. Name other models, or remove it.`]
        : [],
    ),
  );

/** No problem: endpoints that serve them can be registered while the service runs. */
const fallbacksAreServed: Check = ({ loadbalancer, endpoints }) => {
  const served = new Set(endpoints.flatMap(({ models }) => models.map(modelName)));
  if (served.size === 0) return [];
  return FALLBACK_KINDS.flatMap((kind) => {
    const named = Object.entries(loadbalancer[kind]).flat(2);
    const unknown = [...new Set(named)].filter((model) => !served.has(model));
    return unknown.length === 0
      ? []
      : [
          `loadbalancer.${kind} names ${unknown.join(', ')}, which no endpoint of this file serves. Until one is registered, nothing is asked of it.`,
        ];
  });
};

const priorityRules: Check = ({ queue: { preprocessor } }) => [
  ...repeated(preprocessor.rules.map(({ id }) => id)).map(
    (id) => `queue.preprocessor.rules: two of them have the id ${id}. Give each its own.`,
  ),
  ...preprocessor.rules.flatMap((rule, index) => {
    const problem = problemOfRule(rule);
    return problem === null ? [] : [`queue.preprocessor.rules[${index}] (${rule.id}) ${problem}.`];
  }),
];

const PROBLEMS: readonly Check[] = [
  uniqueNames,
  priorityRules,
  keysBeyondLoopback,
  pagesNeedKeys,
  plainBaseUrls,
  someEndpoint,
  databaseUrl,
  natsUrl,
  replicasNeedACluster,
  delaysInOrder,
  noLaneAboveTheHighest,
  sharesLeaveRoom,
  bufferHoldsAMessage,
  storeHoldsMoreThanItsReserve,
  summariesFit,
  slotsInOrder,
  deploymentIsNamed,
  portsDiffer,
  egressEntries,
  retryTimesRise,
  webhooksAreSigned,
  callbacksHoldNoPassword,
  modelsAreNamedOnce,
  headersCanBeSent,
  fallbacksLeadElsewhere,
];
const UNSET: readonly Check[] = [endpointKeysAreThere, databasePasswordIsThere];
const WARNINGS: readonly Check[] = [
  baseUrlEnding,
  splitRolesShareServers,
  credentialsWithoutUrl,
  storeLimitWithoutStore,
  fallbacksAreServed,
];

/** The rules that no key can check by itself. */
export function crossChecks(config: ServiceConfig, env: NodeJS.ProcessEnv): Findings {
  return {
    problems: PROBLEMS.flatMap((check) => check(config, env)),
    unset: UNSET.flatMap((check) => check(config, env)),
    warnings: WARNINGS.flatMap((check) => check(config, env)),
  };
}

/** True for addresses that only this machine can reach: 127.0.0.0/8, ::1 and localhost. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare === '::1' || (isIPv4(bare) && bare.startsWith('127.'));
}
