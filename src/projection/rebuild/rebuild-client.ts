import pg from 'pg';

/** @throws {Error} of `pg`, when PostgreSQL does not take the connection */
export async function connectToRebuild(url: string, { pipeline } = { pipeline: false }): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'llm-message-queue rebuild',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    pipeline,
  });
  // The query that notices a lost connection fails by itself; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** For what fills the tables: what a crash of PostgreSQL makes it forget is read again from the log; see ProjectorSession. */
export async function connectToFill(url: string, options?: { pipeline: boolean }): Promise<pg.Client> {
  const client = await connectToRebuild(url, options);
  try {
    await client.query('SET synchronous_commit = off');
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return client;
}
