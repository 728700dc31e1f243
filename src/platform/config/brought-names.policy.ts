/**
 * Names that files and environments bring along from other message queues for models, and what to write here: a key
 * of ours that means the same, or a sentence. What stands for a section stands for all below it.
 */
export const BROUGHT_KEYS: Readonly<Record<string, string>> = {
  'server.mode': 'Leave it out; logging.level says how much is logged.',
  'server.timeout': 'server.request_timeout_ms',
  'server.read_timeout': 'server.request_timeout_ms',
  'server.write_timeout': 'Leave it out; an answer may take as long as its model.',
  'server.idle_timeout': 'Leave it out.',
  'server.shutdown_timeout': 'server.shutdown_timeout_ms',
  'server.max_body_size': 'queue.max_content_bytes',
  'server.cors_enabled': 'server.cors_origins',
  'server.tls_enabled': 'Put a proxy with TLS in front of the service.',
  'server.tls_cert_file': 'Put a proxy with TLS in front of the service.',
  'server.tls_key_file': 'Put a proxy with TLS in front of the service.',
  'server.http2_enabled': 'Put a proxy that speaks HTTP/2 in front of the service.',
  'database.postgres.host': 'database.host',
  'database.postgres.port': 'database.port',
  'database.postgres.user': 'database.user',
  'database.postgres.password': 'database.password',
  'database.postgres.dbname': 'database.dbname',
  'database.postgres.sslmode': 'database.sslmode',
  'database.postgres.pool.max_open_conns': 'database.pool_size',
  'database.postgres.pool': 'Leave it out.',
  'database.postgres.migration': 'Leave it out; tables are migrated at each start.',
  'database.postgres.slow_query_threshold': 'Leave it out; PostgreSQL logs slow queries itself.',
  'database.postgres.log_queries': 'Leave it out; PostgreSQL logs queries itself.',
  'database.redis': 'There is no Redis here; what waits is in NATS, see nats.url.',
  redis: 'There is no Redis here; what waits is in NATS, see nats.url.',
  'queue.default_capacity': 'queue.levels.normal.max_size, and the same of the other lanes',
  'queue.default_max_size': 'queue.levels.normal.max_size, and the same of the other lanes',
  'queue.priority_levels': 'Leave it out; there are four lanes.',
  'queue.priorities': 'queue.levels',
  'queue.batch_size': 'queue.worker.prefetch',
  'queue.batch_timeout': 'Leave it out; messages are not collected.',
  'queue.worker_count': 'queue.worker.concurrency',
  'queue.worker_buffer_size': 'queue.worker.prefetch',
  'queue.worker.max_concurrent': 'queue.worker.concurrency',
  'queue.worker.max_batch_size': 'queue.worker.prefetch',
  'queue.worker.process_interval': 'Leave it out; workers do not poll.',
  'queue.message_ttl': 'Leave it out; each message can have a ttl of its own.',
  'queue.max_retention_period': 'Leave it out; each message can have a ttl of its own.',
  'queue.dead_letter.max_retries': 'queue.default_max_retries',
  'queue.dead_letter.retry_interval': 'queue.retry.base_delay_ms',
  'queue.dead_letter':
    'Leave it out; there always are dead letters, and queue.dead_letters.webhook_url tells of them.',
  'queue.persistence': 'Leave it out; a message is on disk before it is accepted.',
  'queue.monitor_interval': 'Leave it out.',
  'queue.cleanup_interval': 'Leave it out.',
  'queue.enable_metrics': 'metrics.enabled',
  'queue.enable_auto_scaling': 'scheduler.enabled',
  'queue.scaling_thresholds': 'scheduler.lanes',
  'queue.retry.initial_backoff': 'queue.retry.base_delay_ms',
  'queue.retry.max_backoff': 'queue.retry.max_delay_ms',
  'queue.retry.factor': 'queue.retry.kind',
  'queue.retry.max_retries': 'queue.default_max_retries',
  'scheduler.max_retries': 'queue.default_max_retries',
  'scheduler.timeout': 'queue.default_timeout_ms',
  'scheduler.task_timeout': 'queue.default_timeout_ms',
  'scheduler.max_concurrent_tasks': 'queue.worker.concurrency',
  'scheduler.algorithm': 'scheduler.strategy',
  'scheduler.enable_auto_scaling': 'scheduler.enabled',
  'scheduler.min_workers': 'scheduler.min_slots',
  'scheduler.max_workers': 'scheduler.max_slots',
  'scheduler.initial_workers': 'queue.worker.concurrency',
  'scheduler.worker_count': 'scheduler.static_slots',
  'scheduler.scale_up_threshold': 'scheduler.utilisation',
  'scheduler.scale_down_threshold': 'scheduler.hysteresis',
  'scheduler.target_utilization': 'scheduler.utilisation',
  'scheduler.cooldown_period': 'scheduler.down_cool_down_ms',
  'scheduler.scale_up_cooldown': 'scheduler.up_cool_down_ms',
  'scheduler.scale_down_cooldown': 'scheduler.down_cool_down_ms',
  'scheduler.check_interval': 'scheduler.interval_ms',
  'scheduler.scaling_interval': 'scheduler.interval_ms',
  'scheduler.monitor_interval': 'scheduler.interval_ms',
  'scheduler.task_queue_size': 'queue.levels.normal.max_size, and the same of the other lanes',
  'scheduler.retry_interval': 'queue.retry.base_delay_ms',
  'loadbalancer.algorithm': 'loadbalancer.strategy',
  'loadbalancer.enable_session_affinity': 'loadbalancer.affinity',
  'loadbalancer.session_affinity': 'loadbalancer.affinity',
  'loadbalancer.session_timeout': 'Leave it out.',
  'loadbalancer.health_check': 'Leave it out; endpoints are watched and checked always.',
  'loadbalancer.health_check_interval': 'Leave it out; endpoints are watched and checked always.',
  'loadbalancer.max_failures': 'Leave it out; endpoints are watched and checked always.',
  'loadbalancer.endpoints': 'endpoints',
  'loadbalancer.rate_limiting': 'Leave it out; each entry of endpoints has rpm and tpm.',
  'logging.output': 'Leave it out for standard error; logging.file names a file.',
  'logging.file_path': 'logging.file',
  'logging.color_enabled': 'Leave it out; logs have no colours.',
  'logging.caller_enabled': 'Leave it out.',
  'logging.stacktrace_enabled': 'Leave it out; errors are logged with their stacks.',
  'logging.rotation.max_size': 'logging.max_file_bytes',
  'logging.rotation.max_files': 'logging.max_files',
  'logging.rotation': 'Leave it out; the file is replaced by its size.',
  'logging.structured': 'Leave it out; logging.format is json or text.',
  'server.compression_enabled': 'Leave it out; answers are compressed where the client asks for it.',
  'server.compression_level': 'Leave it out.',
  'metrics.path': 'Leave it out; it is /metrics, at server.port and at metrics.port.',
  'metrics.interval': 'Leave it out; Prometheus has its own.',
  'metrics.retention': 'Leave it out; Prometheus has its own.',
  'metrics.prometheus': 'Leave it out.',
  'metrics.custom': 'Leave it out.',
  'security.authentication': 'security.api_keys',
  'security.jwt': 'security.api_keys',
  'security.authorization': 'Leave it out; each of security.api_keys has a role.',
  'security.encryption': 'Leave it out; keep the data folder on an encrypted disk.',
};

/** Variables of the same, and variables of ours that mean the same. */
const BROUGHT_VARIABLES: Readonly<Record<string, string>> = {
  CONFIG_PATH: 'LLMQ_CONFIG',
  DB_HOST: 'DATABASE_HOST',
  DB_PORT: 'DATABASE_PORT',
  DB_USER: 'DATABASE_USER',
  DB_PASSWORD: 'DATABASE_PASSWORD',
  DB_NAME: 'DATABASE_DBNAME',
  DB_SSLMODE: 'DATABASE_SSLMODE',
};

/** Sections that had the same names, but another shape. */
const BROUGHT_LISTS: Readonly<Record<string, string>> = {
  'queue.levels':
    'It is a section with a key for each lane, as levels: {high: {max_concurrent: 200}}. Their order is fixed: realtime, high, normal, low.',
};

/** Whether an entry of the table names keys of ours. */
function isKey(written: string): boolean {
  return /^[a-z]/.test(written);
}

/** The longest entry that stands for the name or for a section above it. */
function entryFor(name: string, entries: readonly string[], separator: string): string | null {
  const fitting = entries.filter((entry) => name === entry || name.startsWith(`${entry}${separator}`));
  return fitting.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** What to write instead of these keys of a file; null where nothing of them is known. */
export function broughtKey(keys: readonly string[]): string | null {
  const known = keys.flatMap((key) => {
    const entry = entryFor(key, Object.keys(BROUGHT_KEYS), '.');
    return entry === null ? [] : [{ key, written: BROUGHT_KEYS[entry]! }];
  });
  const ours = known
    .filter(({ written }) => isKey(written))
    .map(({ key, written }) => `${written} for ${key}`);
  const sentences = new Set(known.map(({ written }) => written).filter((written) => !isKey(written)));
  const parts = [...(ours.length === 0 ? [] : [`Write ${ours.join(', ')}.`]), ...sentences];
  return parts.length === 0 ? null : parts.join(' ');
}

export function broughtList(key: string): string | null {
  return BROUGHT_LISTS[key] ?? null;
}

function variableOf(key: string): string {
  return key.replaceAll('.', '_').toUpperCase();
}

/** What to write instead of this variable; null for one that nobody brought. */
export function broughtVariable(name: string): string | null {
  const direct = BROUGHT_VARIABLES[name];
  if (direct !== undefined) return `Write ${direct}.`;
  const entries = new Map(
    // A section of its own is the name of many variables of other programs.
    Object.keys(BROUGHT_KEYS).flatMap((key) => (key === 'redis' ? [] : [[variableOf(key), key] as const])),
  );
  const entry = entryFor(name, [...entries.keys()], '_');
  if (entry === null) return null;
  const written = BROUGHT_KEYS[entries.get(entry)!]!;
  return isKey(written) ? `Write ${variableOf(written.split(',')[0]!)}.` : written;
}
