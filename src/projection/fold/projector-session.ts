import pg from 'pg';

/**
 * PostgreSQL ends a session that is silent this long, and with it frees the lock of a projector whose process hangs or
 * whose machine is gone. A live one says something every `HEARTBEAT_MS`.
 */
const SILENCE_MS = 8_000;
const HEARTBEAT_MS = 2_000;

/**
 * The projector's own connection: it writes, and it holds the lock that makes this projector the active one. The lock
 * lives exactly as long as the connection, so there is no moment in which a projector can write without it and no
 * lease to expire.
 */
export class ProjectorSession {
  /** Aborts when the connection is lost. */
  readonly lost: AbortSignal;
  private readonly losing = new AbortController();
  private heartbeat: NodeJS.Timeout | null = null;

  private constructor(
    readonly client: pg.Client,
    private readonly lockName: string,
  ) {
    this.lost = this.losing.signal;
    client.on('error', (error) => this.losing.abort(error));
    client.on('end', () => this.losing.abort(new Error('The connection to PostgreSQL has ended.')));
  }

  static async open(url: string, lockName: string): Promise<ProjectorSession> {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'llm-message-queue projector',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      pipeline: true,
    });
    const session = new ProjectorSession(client, lockName);
    try {
      await client.connect();
      await client.query(SETTINGS);
    } catch (error) {
      await session.close();
      throw error;
    }
    session.heartbeat = setInterval(
      () => void client.query('SELECT 1').catch(() => {}),
      HEARTBEAT_MS,
    ).unref();
    return session;
  }

  /**
   * True when this session is the active one from now on. Asked again and again rather than waited for: a waiting
   * statement would hold a snapshot, and vacuum could not clean up behind it.
   */
  async tryLock(): Promise<boolean> {
    const { rows } = await this.client.query(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked',
      [this.lockName],
    );
    return rows[0].locked;
  }

  async close(): Promise<void> {
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    await this.client.end().catch(() => {});
  }
}

/**
 * `synchronous_commit = off`: a commit does not wait for its fsync, so PostgreSQL may forget the last of them when it
 * crashes. Here that is safe: the log is the truth, and rows and checkpoint are forgotten together, so the projector
 * reads the same events again from where the tables really are. A crash can never leave half a batch.
 */
const SETTINGS = `
  SET synchronous_commit = off;
  SET idle_session_timeout = ${SILENCE_MS};
  SET idle_in_transaction_session_timeout = ${SILENCE_MS};
  SET tcp_keepalives_idle = 10;
  SET tcp_keepalives_interval = 5;
  SET tcp_keepalives_count = 3`;
