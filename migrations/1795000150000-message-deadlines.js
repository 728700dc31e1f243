/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * The deadline beside the state of a message, so that those which expire while they wait are found without a look at all
 * that ever had one. Until now no message could have a deadline, so nothing is to be filled in.
 *
 * @implements {MigrationInterface}
 */
export class MessageDeadlines1795000150000 {
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
  'ALTER TABLE messages ADD COLUMN deadline timestamptz(3)',
  `CREATE INDEX messages_by_deadline
    ON messages (deadline) WHERE ((terminal_sequence IS NULL) AND (deadline IS NOT NULL))`,
];

const DOWN = ['DROP INDEX messages_by_deadline', 'ALTER TABLE messages DROP COLUMN deadline'];
