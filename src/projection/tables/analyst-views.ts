import { createHash } from 'node:crypto';
import { READER } from '../../platform/embedded/credentials.js';
import { codeOf } from './database.errors.js';

interface View {
  readonly name: string;
  readonly comment: string;
  /** By column: what it is, as SQL, and what it means. */
  readonly columns: readonly (readonly [name: string, sql: string, meaning: string])[];
  /** @param at the schema of the tables, quoted */
  readonly from: (at: string) => string;
}

/** The answer that counts, where a message has one: see `messageResults`. */
const WITH_RESULT = (at: string) =>
  `${at}.messages m JOIN ${at}.message_requests q ON q.message_id = m.id
    LEFT JOIN ${at}.message_results r ON r.message_id = m.id AND r.sequence = m.terminal_sequence`;

/**
 * What people read who count and compare. No contents: neither what was asked nor what was answered, nor the words of
 * errors, which may repeat them.
 */
const VIEWS: readonly View[] = [
  {
    name: 'messages',
    comment: 'One row for each message, as it is now. Without contents.',
    from: WITH_RESULT,
    columns: [
      ['id', 'm.id', 'The id of the message'],
      ['tenant', 'm.tenant', 'The owner of the API key'],
      ['user_id', 'q.user_id', 'The user, as the client names it'],
      ['key_name', 'q.key_name', 'The name of the API key; null where none was needed'],
      ['conversation_id', 'q.conversation_id', 'The conversation that it is a turn of; null for none'],
      [
        'conversation_given_id',
        'q.conversation_given_id',
        'The id that a client gave that one; null for none',
      ],
      ['status', 'm.status', 'pending, held, scheduled, processing, completed, failed, expired or cancelled'],
      ['priority', 'm.priority', 'Its lane: realtime, high, normal or low'],
      ['priority_reason', 'm.priority_reason', 'Why it is in this lane: explicit, rule:<id>, default, ...'],
      ['requested_priority', 'q.requested_priority', 'The lane that the client asked for; null for none'],
      ['source', 'q.source', 'The way it came in: rest, openai or nats'],
      ['streamed', 'q.stream', 'Whether the client asked for a stream'],
      ['model', 'm.model', 'The model that was asked for; null for the default one'],
      ['created_at', 'm.created_at', 'When it was accepted'],
      ['scheduled_at', 'm.scheduled_at', 'When it is due, if it was put off or waits for another attempt'],
      ['deadline', 'q.deadline', 'When it expires; null for never'],
      ['started_at', 'm.started_at', 'When its last call began'],
      ['completed_at', 'm.completed_at', 'When it ended, in whatever way; null while it has not'],
      ['waited_ms', 'm.waited_ms', 'How long it waited for its last call'],
      ['attempts', 'm.attempts', 'Calls so far'],
      ['max_retries', 'm.max_retries', 'Attempts after the first that it may have'],
      ['error_code', "m.error->>'code'", 'Why it failed; null where it did not'],
      ['answered_model', 'r.model', 'The model that answered; null without an answer'],
      ['endpoint', 'r.endpoint', 'The endpoint that answered'],
      ['finish_reason', 'r.finish_reason', 'How the answer ended: stop, length, tool_calls, ...'],
      ['first_token_ms', 'r.first_token_ms', 'From the begin of the call to the first piece of the answer'],
      ['total_ms', 'r.total_ms', 'From the begin of the call to its end'],
      ['input_tokens', 'r.prompt_tokens', 'Tokens that the model read'],
      ['cached_tokens', 'r.cached_tokens', 'Of these, the ones that the endpoint had read before'],
      ['output_tokens', 'r.completion_tokens', 'Tokens of the answer'],
      ['reasoning_tokens', 'r.reasoning_tokens', 'Of these, the ones of its reasoning'],
      ['tokens_estimated', 'r.estimated', 'Whether the service counted, since the endpoint told nothing'],
      ['cost', 'r.cost_nanos / 1e9', 'In the currency of the configured prices; null without a price'],
      ['replay_of', 'q.replay_of', 'The message that this one repeats; null for none'],
      ['metadata', 'q.metadata', 'What the client wrote about it (JSON)'],
    ],
  },
  {
    name: 'conversations',
    comment: 'One row for each conversation, erased ones too. Without titles, prompts and summaries.',
    from: (at) => `${at}.conversations c`,
    columns: [
      ['id', 'c.id', 'The id of the conversation'],
      ['given_id', 'c.given_id', 'The id that a client gave it; null for none'],
      ['tenant', 'c.tenant', 'The owner of the API key'],
      ['user_id', 'c.user_id', 'The user; null once it is erased'],
      ['state', 'c.state', 'active, inactive, archived or erased'],
      ['priority', 'c.priority', 'The lane of its messages that ask for none; null for no such lane'],
      ['model', 'c.model', 'The model of its messages that ask for none; null for no such model'],
      ['message_count', 'c.message_count', 'Its turns'],
      ['created_at', 'c.created_at', 'When it was made'],
      ['last_message_at', 'c.last_message_at', 'When its last message was accepted; null for none'],
      ['last_activity_at', 'c.last_activity_at', 'When something last happened in it'],
      ['erased_at', 'c.erased_at', 'When it was erased; null where it was not'],
      ['metadata', 'c.metadata', 'What the client wrote about it (JSON)'],
    ],
  },
  {
    name: 'attempts',
    comment: 'One row for each call to a model.',
    from: (at) => `${at}.attempts a JOIN ${at}.messages m ON m.id = a.message_id`,
    columns: [
      ['message_id', 'a.message_id', 'The message that it was for'],
      ['tenant', 'm.tenant', 'The owner of the API key'],
      ['attempt', 'a.attempt', 'The number of the attempt, from 1'],
      ['delivery', 'a.delivery', 'How often the message had come to a worker, from 1'],
      ['endpoint', 'a.endpoint', 'The endpoint that was called'],
      ['endpoint_reason', 'a.endpoint_reason', 'Why this one was chosen'],
      ['model', 'a.model', 'The model that was called'],
      ['worker', 'a.worker', 'The process that called'],
      ['waited_ms', 'a.waited_ms', 'How long the message had waited'],
      ['started_at', 'a.started_at', 'When the call began'],
      ['ended_at', 'a.ended_at', 'When it ended; null while it runs, or for ever if its worker died'],
      [
        'duration_ms',
        'round(extract(epoch FROM a.ended_at - a.started_at) * 1000)::bigint',
        'From its begin to its end',
      ],
      ['outcome', 'a.outcome', 'How it ended; null where no end is known'],
      ['error_code', "a.error->>'code'", 'Why it failed; null where it did not'],
      ['next_retry_at', 'a.next_retry_at', 'When the next attempt is due; null for none'],
    ],
  },
  {
    name: 'usage',
    comment: 'What completed messages and summaries used, summed up by hour, user, key, model and endpoint.',
    from: (at) => `${at}.usage_hours u`,
    columns: [
      ['hour', 'u.hour', 'The begin of the hour'],
      ['tenant', 'u.tenant', 'The owner of the API key'],
      ['user_id', 'u.user_id', 'The user'],
      ['key_name', 'u.key_name', 'The name of the API key; empty for summaries and where none was needed'],
      ['model', 'u.model', 'The model, by the name that clients ask for'],
      ['endpoint', 'u.endpoint', 'The endpoint that answered'],
      ['messages', 'u.messages', 'Completed messages'],
      ['summaries', 'u.summaries', 'Summaries of conversations'],
      ['estimated', 'u.estimated', 'Of both, those whose tokens the service counted itself'],
      ['unmetered', 'u.unmetered', 'Of both, those whose tokens nobody counted'],
      ['unpriced', 'u.unpriced', 'Of both, those without a price'],
      ['input_tokens', 'u.input_tokens', 'Tokens that models read'],
      ['cached_tokens', 'u.cached_tokens', 'Of these, the ones that endpoints had read before'],
      ['output_tokens', 'u.output_tokens', 'Tokens of answers'],
      ['reasoning_tokens', 'u.reasoning_tokens', 'Of these, the ones of reasoning'],
      ['cost', 'u.cost_nanos / 1e9', 'In the currency of the configured prices'],
    ],
  },
];

/** May read the views and nothing else. One for all schemas of a server, since roles belong to the server. */
const ANALYST_ROLE = READER;

export function analystSchema(schema: string): string {
  return `${schema}_read`;
}

export type Query = (sql: string, values?: unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** Long enough for the queries of a service; the one of an analyst is not waited for. */
const LOCK_TIMEOUT = '2s';

/**
 * Makes the views over the tables of this schema, in a schema of their own, and the role that may read them: inside of
 * a transaction. Nothing to do where they are there. What this user may not make, or can't lock now, is left out: the
 * service needs none of it.
 */
export async function ensureAnalystViews(query: Query, schema: string): Promise<void> {
  await ifAllowed(query, async () => {
    const mark = await markOf(query, schema);
    if ((await markFound(query, schema)) !== mark) await makeViews(query, schema, mark);
  });
  await ifAllowed(query, () => ensureRole(query));
  await ifAllowed(query, () => grant(query, schema));
}

/**
 * Before tables change that the views are made of: inside of a transaction. One that another view is made of, of
 * somebody else, stays: whether it is in the way shows with the change.
 */
export async function dropAnalystViews(query: Query, schema: string): Promise<void> {
  for (const view of VIEWS) await ifAllowed(query, () => dropView(query, schema, view));
}

async function dropView(query: Query, schema: string, { name }: View, others = ''): Promise<void> {
  await query(`DROP VIEW IF EXISTS "${analystSchema(schema)}".${name}${others}`);
}

/**
 * After other tables took the place of those that the views are over, which are to be dropped: what others made over the
 * views goes with them. Outside of a transaction: each view is dropped by itself, behind the last query on it, so that no
 * lock on a table is held meanwhile.
 */
export async function renewAnalystViews(query: Query, schema: string): Promise<void> {
  for (const view of VIEWS) {
    await dropView(query, schema, view, ' CASCADE').catch((error: unknown) => {
      if (!LEFT_OUT.has(codeOf(error))) throw error;
    });
  }
  await query('BEGIN');
  try {
    await ensureAnalystViews(query, schema);
    await query('COMMIT');
  } catch (error) {
    await query('ROLLBACK').catch(() => []);
    throw error;
  }
}

/** No right, no lock, a view of somebody else over one of these, another process that made the same meanwhile, or tables altered by hand. */
const LEFT_OUT = new Set(['2BP01', '42501', '55P03', '42710', '23505', '42P06', '42P07', '42P01', '42703']);

async function ifAllowed(query: Query, work: () => Promise<void>): Promise<void> {
  await query('SAVEPOINT analysts');
  try {
    await query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
    await work();
  } catch (error) {
    await query('ROLLBACK TO SAVEPOINT analysts');
    if (!LEFT_OUT.has(codeOf(error))) throw error;
  }
  await query('SET LOCAL lock_timeout = DEFAULT');
  await query('RELEASE SAVEPOINT analysts');
}

async function makeViews(query: Query, schema: string, mark: string): Promise<void> {
  const own = `"${analystSchema(schema)}"`;
  const [there] = await query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [analystSchema(schema)]);
  if (there === undefined) await query(`CREATE SCHEMA ${own}`);
  for (const view of VIEWS) await dropView(query, schema, view);
  await query(
    [...VIEWS.flatMap((view) => statementsOf(view, schema)), comment('SCHEMA', own, mark)].join(';\n'),
  );
}

function statementsOf(view: View, schema: string): string[] {
  const name = `"${analystSchema(schema)}".${view.name}`;
  return [
    `CREATE VIEW ${name} AS ${definitionOf(view, schema)}`,
    comment('VIEW', name, view.comment),
    ...view.columns.map(([column, , meaning]) => comment('COLUMN', `${name}.${column}`, meaning)),
  ];
}

function comment(kind: string, name: string, text: string): string {
  return `COMMENT ON ${kind} ${name} IS '${text.replaceAll("'", "''")}'`;
}

function definitionOf({ columns, from }: View, schema: string): string {
  const selected = columns.map(([name, sql]) => `${sql} AS ${name}`).join(', ');
  return `SELECT ${selected} FROM ${from(`"${schema}"`)}`;
}

/** Of which definition the views are, and over which tables: a rebuild puts others in their place. */
async function markOf(query: Query, schema: string): Promise<string> {
  const [row] = await query('SELECT $1::regclass::oid::text AS oid', [`"${schema}".messages`]);
  const definition = createHash('sha256').update(
    JSON.stringify(VIEWS.map((view) => [view, definitionOf(view, schema)])),
  );
  return `Views of LLM Message Queue, to read. ${definition.digest('hex').slice(0, 16)}.${row!['oid']}`;
}

/** Null where a view is missing. */
async function markFound(query: Query, schema: string): Promise<unknown> {
  const [row] = await query(
    `SELECT obj_description(n.oid, 'pg_namespace') AS mark,
        (SELECT count(*)::int FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'v') AS views
      FROM pg_namespace n WHERE n.nspname = $1`,
    [analystSchema(schema)],
  );
  return row !== undefined && Number(row['views']) >= VIEWS.length ? row['mark'] : null;
}

/** Without a password, so that nobody can log in with it until somebody gives it one. */
async function ensureRole(query: Query): Promise<void> {
  const [there] = await query('SELECT 1 FROM pg_roles WHERE rolname = $1', [ANALYST_ROLE]);
  if (there === undefined) await query(`CREATE ROLE ${ANALYST_ROLE} NOLOGIN`);
}

async function grant(query: Query, schema: string): Promise<void> {
  const own = analystSchema(schema);
  const [needed] = await query(
    `SELECT 1 FROM pg_roles r, pg_namespace n
      WHERE r.rolname = $1 AND n.nspname = $2 AND NOT (has_schema_privilege(r.oid, n.oid, 'USAGE') AND NOT EXISTS (
        SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'v'
          AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')))`,
    [ANALYST_ROLE, own],
  );
  if (needed === undefined) return;
  await query(`GRANT USAGE ON SCHEMA "${own}" TO ${ANALYST_ROLE}`);
  for (const { name } of VIEWS) await query(`GRANT SELECT ON "${own}".${name} TO ${ANALYST_ROLE}`);
}
