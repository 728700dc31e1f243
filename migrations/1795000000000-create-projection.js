/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * The projection's tables, in whichever schema the connection's `search_path` begins with: the live one, or the one
 * that a rebuild fills beside it. That is why no name here has a schema.
 *
 * Text from outside (requests, answers, errors, metadata) is `json`: it keeps `\u0000` and lone surrogates as they
 * are written, where `text` and `jsonb` refuse them and would stop the projector.
 *
 * @implements {MigrationInterface}
 */
export class CreateProjection1795000000000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    for (const table of TABLES) await queryRunner.query(`DROP TABLE ${table}`);
  }
}

const TABLES = [
  'projection_checkpoint',
  'message_events',
  'attempts',
  'message_results',
  'message_requests',
  'messages',
];

const UP = [
  `CREATE TABLE messages (
    id uuid NOT NULL CONSTRAINT messages_pkey PRIMARY KEY,
    tenant text NOT NULL,
    status text NOT NULL,
    priority text NOT NULL,
    priority_reason text NOT NULL,
    model text,
    attempts integer NOT NULL,
    open_attempts integer NOT NULL,
    current_attempt integer NOT NULL,
    max_retries integer NOT NULL,
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL,
    scheduled_at timestamptz(3),
    started_at timestamptz(3),
    completed_at timestamptz(3),
    error json,
    received_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    terminal_sequence bigint
  )`,
  'CREATE INDEX messages_by_status ON messages (tenant, status, created_at, id)',
  'CREATE INDEX messages_by_priority ON messages (tenant, priority, created_at, id)',

  `CREATE TABLE message_requests (
    message_id uuid NOT NULL CONSTRAINT message_requests_pkey PRIMARY KEY,
    sequence bigint NOT NULL,
    tenant text NOT NULL,
    user_id text NOT NULL,
    conversation_id text,
    created_at timestamptz(3) NOT NULL,
    request json NOT NULL,
    metadata json NOT NULL,
    requested_priority text,
    source text NOT NULL,
    stream boolean NOT NULL,
    timeout_ms double precision NOT NULL,
    deadline timestamptz(3)
  )`,
  'CREATE INDEX message_requests_by_time ON message_requests (tenant, created_at, message_id)',
  'CREATE INDEX message_requests_by_user ON message_requests (tenant, user_id, created_at, message_id)',
  `CREATE INDEX message_requests_by_conversation
    ON message_requests (tenant, conversation_id, created_at, message_id) WHERE (conversation_id IS NOT NULL)`,

  `CREATE TABLE message_results (
    message_id uuid NOT NULL CONSTRAINT message_results_pkey PRIMARY KEY,
    sequence bigint NOT NULL,
    attempt integer NOT NULL,
    delivery integer NOT NULL,
    answer json NOT NULL,
    finish_reason text,
    model text NOT NULL,
    endpoint text NOT NULL,
    prompt_tokens bigint,
    completion_tokens bigint,
    queue_ms double precision NOT NULL,
    first_token_ms double precision,
    total_ms double precision NOT NULL
  )`,

  `CREATE TABLE attempts (
    message_id uuid NOT NULL,
    attempt integer NOT NULL,
    delivery integer NOT NULL,
    sequence bigint NOT NULL,
    dispatched_sequence bigint,
    worker text,
    endpoint text,
    endpoint_reason text,
    model text,
    waited_ms double precision,
    started_at timestamptz(3),
    ended_at timestamptz(3),
    outcome text,
    error json,
    chunks_delivered integer,
    next_retry_at timestamptz(3),
    CONSTRAINT attempts_pkey PRIMARY KEY (message_id, attempt, delivery)
  )`,

  `CREATE TABLE message_events (
    message_id uuid NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    time timestamptz(3) NOT NULL,
    CONSTRAINT message_events_pkey PRIMARY KEY (message_id, sequence)
  )`,

  `CREATE TABLE projection_checkpoint (
    name text NOT NULL CONSTRAINT projection_checkpoint_pkey PRIMARY KEY,
    last_sequence bigint NOT NULL,
    last_event_id text,
    generation uuid NOT NULL
  )`,
  `INSERT INTO projection_checkpoint (name, last_sequence, generation) VALUES ('messages', 0, gen_random_uuid())`,
];
