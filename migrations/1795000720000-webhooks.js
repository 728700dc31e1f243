/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Who is told of a message's end, and what became of it.
 *
 * @implements {MigrationInterface}
 */
export class Webhooks1795000720000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('DROP TABLE webhooks');
    await queryRunner.query('ALTER TABLE message_requests DROP COLUMN callback');
  }
}

const UP = [
  'ALTER TABLE message_requests ADD COLUMN callback json',
  `CREATE TABLE webhooks (
    message_id uuid NOT NULL,
    id uuid NOT NULL,
    tenant text NOT NULL,
    key_name text,
    type text NOT NULL,
    callback json NOT NULL,
    created_at timestamptz(3) NOT NULL,
    status text NOT NULL,
    round integer NOT NULL,
    tries integer NOT NULL,
    last_tried_at timestamptz(3),
    next_try_at timestamptz(3),
    ended_at timestamptz(3),
    reason text,
    http_status integer,
    progress bigint NOT NULL,
    CONSTRAINT webhooks_pkey PRIMARY KEY (message_id, id)
  )`,
  'CREATE INDEX webhooks_by_id ON webhooks (id)',
  'CREATE INDEX webhooks_by_time ON webhooks (tenant, created_at, id)',
  'CREATE INDEX webhooks_by_status ON webhooks (tenant, status, created_at, id)',
  `CREATE INDEX webhooks_waiting ON webhooks (next_try_at, id) WHERE status = 'waiting'`,
];
