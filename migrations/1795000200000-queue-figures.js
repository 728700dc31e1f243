/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What the figures of the queue are read from, each by one index and none by the whole table: a message's place among
 * those that wait, how many are scheduled or dead, and what ended in a span of time. No name has a schema, since a
 * rebuild fills another one.
 *
 * Messages that ended before this have no `waited_ms`, until the projection is rebuilt; averages leave them out.
 *
 * @implements {MigrationInterface}
 */
export class QueueFigures1795000200000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    for (const statement of DOWN) await queryRunner.query(statement);
  }
}

const UP = [
  'ALTER TABLE messages ADD COLUMN waited_ms double precision',
  `CREATE INDEX messages_waiting ON messages (priority, last_sequence)
    WHERE (status = 'pending' AND held_behind IS NULL)`,
  `CREATE INDEX messages_apart ON messages (status, priority) WHERE (status IN ('scheduled', 'failed'))`,
  `CREATE INDEX messages_ended ON messages (completed_at, tenant, priority, status, waited_ms, started_at)
    WHERE (completed_at IS NOT NULL)`,
];

const DOWN = [
  'DROP INDEX messages_ended',
  'DROP INDEX messages_apart',
  'DROP INDEX messages_waiting',
  'ALTER TABLE messages DROP COLUMN waited_ms',
];
