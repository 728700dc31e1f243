export type PostgresSettings = Readonly<Record<string, string | number | boolean>>;

/**
 * What differs from PostgreSQL's defaults. Durability stays as PostgreSQL ships it (fsync, synchronous commit, full
 * pages): the projection could be rebuilt from the log, but a rebuild is nothing that a power cut should ask for.
 */
export function postgresConfig(port: number, overrides: PostgresSettings): string {
  const settings: PostgresSettings = {
    port,
    listen_addresses: '127.0.0.1',
    // No socket file: its path has a length limit, and its folder would need rights for two users.
    unix_socket_directories: '',
    max_connections: 100,
    // Nothing replicates from this server, so the WAL need not carry what only a replica reads.
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '1GB',
    random_page_cost: 1.1,
    // Compiling costs more than our short queries take.
    jit: false,
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    log_destination: 'stderr',
    logging_collector: false,
    log_line_prefix: '%m [%p] ',
    // A failing statement is the caller's to log; here it would repeat contents of messages.
    log_min_error_statement: 'panic',
    log_checkpoints: false,
    ...overrides,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${quote(value)}`);
  return `# Written by llm-message-queue at every start: changes are lost.\n${lines.join('\n')}\n`;
}

/** Who may connect: these logins, from this machine, with their passwords. Nobody else, not even the superuser. */
export function postgresAccessRules(users: readonly string[]): string {
  const rules = users.map((user) => `host all ${user} 127.0.0.1/32 scram-sha-256\n`);
  return `# Written by llm-message-queue at every start: changes are lost.\n${rules.join('')}`;
}

function quote(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}
