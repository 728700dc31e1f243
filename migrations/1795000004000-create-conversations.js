/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Conversations, and the order of their turns. No name has a schema, as in the first migration.
 *
 * What was erased leaves two traces: `erased_messages`, by which the projector knows an event that comes late for what
 * it is, and `erasure_queue`, the events that are still in the log.
 *
 * @implements {MigrationInterface}
 */
export class CreateConversations1795000004000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('DROP INDEX message_requests_by_turn');
    for (const table of TABLES) await queryRunner.query(`DROP TABLE ${table}`);
  }
}

const TABLES = ['erasure_queue', 'erased_messages', 'conversation_events', 'conversations'];

const UP = [
  `CREATE TABLE conversations (
    id uuid NOT NULL CONSTRAINT conversations_pkey PRIMARY KEY,
    tenant text NOT NULL,
    user_id text,
    title text,
    context json,
    priority text,
    model text,
    double_texting text NOT NULL,
    metadata json NOT NULL,
    state text NOT NULL,
    message_count integer NOT NULL,
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL,
    last_message_at timestamptz(3),
    last_activity_at timestamptz(3) NOT NULL,
    summary json,
    erased_at timestamptz(3),
    erased_by text,
    last_sequence bigint NOT NULL
  )`,
  'CREATE INDEX conversations_by_time ON conversations (tenant, created_at, id)',
  'CREATE INDEX conversations_by_user ON conversations (tenant, user_id, created_at, id)',
  'CREATE INDEX conversations_by_activity ON conversations (state, last_activity_at)',

  `CREATE TABLE conversation_events (
    conversation_id uuid NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    time timestamptz(3) NOT NULL,
    CONSTRAINT conversation_events_pkey PRIMARY KEY (conversation_id, sequence)
  )`,

  `CREATE TABLE erased_messages (
    message_id uuid NOT NULL CONSTRAINT erased_messages_pkey PRIMARY KEY,
    conversation_id uuid NOT NULL
  )`,
  `CREATE TABLE erasure_queue (
    conversation_id uuid NOT NULL,
    sequence bigint NOT NULL,
    message_id uuid,
    CONSTRAINT erasure_queue_pkey PRIMARY KEY (conversation_id, sequence)
  )`,

  `CREATE INDEX message_requests_by_turn
    ON message_requests (tenant, conversation_id, sequence) WHERE (conversation_id IS NOT NULL)`,
];
