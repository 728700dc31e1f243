export type DatabaseErrorCode =
  | 'database_unreachable'
  | 'database_login_refused'
  | 'database_missing'
  | 'database_too_old'
  | 'database_permission'
  | 'migration_failed';

/** What keeps the service from using PostgreSQL. The message is one paragraph for people and names the fix. */
export class DatabaseError extends Error {
  constructor(
    readonly code: DatabaseErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DatabaseError';
  }
}

const FIX =
  'Check DATABASE_URL or DATABASE_HOST (database.url, database.host), or leave both empty to let the service start its own PostgreSQL.';

/** Where the URL points to, without the user's name and password. */
export function databaseAddress(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `${hostname || 'localhost'}:${port || '5432'}${pathname}`;
  } catch {
    return 'the address in database.url';
  }
}

/** The SQLSTATE of a failure that PostgreSQL reported, or Node's code of a failure to reach it. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return '';
}

/** PostgreSQL's and Node's reasons for not connecting, in the service's words. */
export function connectError(error: unknown, url: string): DatabaseError {
  const at = databaseAddress(url);
  const because = (error as Error).message || codeOf(error);
  const options = { cause: error };
  switch (codeOf(error)) {
    case '28P01':
    case '28000':
      return new DatabaseError(
        'database_login_refused',
        `PostgreSQL at ${at} refuses the login: ${because}. Correct the user and the password (in database.url, or database.user and database.password).`,
        options,
      );
    case '3D000':
      return new DatabaseError(
        'database_missing',
        `PostgreSQL at ${at} has no such database: ${because}. Create it, or name another (in database.url, or database.dbname).`,
        options,
      );
    default:
      return new DatabaseError(
        'database_unreachable',
        `PostgreSQL at ${at} can't be reached: ${because}. ${FIX}`,
        options,
      );
  }
}

/** The reasons for which the schema can't be made or migrated. */
export function migrationError(error: unknown, url: string, schema: string): DatabaseError {
  const because = (error as Error).message;
  if (codeOf(error) === '42501') {
    return new DatabaseError(
      'database_permission',
      `The database user may not set up the schema ${schema} at ${databaseAddress(url)}: ${because}. Give that user the right to create schemas in this database, or create the schema ${schema} with this user as its owner.`,
      { cause: error },
    );
  }
  return new DatabaseError(
    'migration_failed',
    `The schema ${schema} at ${databaseAddress(url)} can't be migrated: ${because}. Nothing was changed. Its tables are a projection of the event log: if they were altered by hand, drop the schema and run "npm run projections:rebuild".`,
    { cause: error },
  );
}
