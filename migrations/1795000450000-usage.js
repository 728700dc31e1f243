/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What answers used and cost: with each answer, and added up by hour, tenant, user, key, model and endpoint.
 *
 * What was answered before is counted by the tokens that its endpoint told. Its key and its cost were not recorded.
 *
 * @implements {MigrationInterface}
 */
export class Usage1795000450000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    for (const statement of DOWN) await queryRunner.query(statement);
  }
}

/** How `usage_hours.id` is made of what its row adds up by. Times are in UTC whatever the session's zone is. */
const ID = `md5(concat_ws(E'\\n', to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24":00:00.000Z"'),
  tenant, user_id, key_name, model, endpoint))::uuid`;

const UP = [
  'ALTER TABLE message_requests ADD COLUMN key_name text',
  `ALTER TABLE message_results
    ADD COLUMN cached_tokens bigint, ADD COLUMN reasoning_tokens bigint, ADD COLUMN cost_nanos bigint,
    ADD COLUMN accounted_model text, ADD COLUMN estimated boolean, ADD COLUMN usage json`,
  `CREATE TABLE usage_hours (
    id uuid NOT NULL CONSTRAINT usage_hours_pkey PRIMARY KEY,
    hour timestamptz(3) NOT NULL,
    tenant text NOT NULL,
    user_id text NOT NULL,
    key_name text NOT NULL,
    model text NOT NULL,
    endpoint text NOT NULL,
    messages bigint NOT NULL,
    estimated bigint NOT NULL,
    unmetered bigint NOT NULL,
    unpriced bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nanos bigint NOT NULL
  )`,
  `WITH answered AS (
      SELECT date_trunc('hour', m.completed_at, 'UTC') AS hour, m.tenant, q.user_id, '' AS key_name,
        left(r.model, 400) AS model, left(r.endpoint, 400) AS endpoint, r.prompt_tokens, r.completion_tokens
      FROM message_results r JOIN messages m ON m.id = r.message_id JOIN message_requests q ON q.message_id = r.message_id
      WHERE m.terminal_sequence = r.sequence
    ), sums AS (
      SELECT hour, tenant, user_id, key_name, model, endpoint, count(*) AS messages,
        count(*) FILTER (WHERE prompt_tokens IS NULL) AS unmetered,
        coalesce(sum(prompt_tokens), 0) AS input_tokens, coalesce(sum(completion_tokens), 0) AS output_tokens
      FROM answered GROUP BY hour, tenant, user_id, key_name, model, endpoint
    ) INSERT INTO usage_hours
      SELECT ${ID}, hour, tenant, user_id, key_name, model, endpoint, messages, 0, unmetered, messages,
        input_tokens, 0, output_tokens, 0, 0 FROM sums`,
  'CREATE INDEX usage_hours_by_time ON usage_hours (tenant, hour)',
];

const DOWN = [
  'DROP TABLE usage_hours',
  `ALTER TABLE message_results
    DROP COLUMN usage, DROP COLUMN estimated, DROP COLUMN accounted_model, DROP COLUMN cost_nanos,
    DROP COLUMN reasoning_tokens, DROP COLUMN cached_tokens`,
  'ALTER TABLE message_requests DROP COLUMN key_name',
];
