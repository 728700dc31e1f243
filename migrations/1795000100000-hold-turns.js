/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What the order of a conversation's turns needs: which turn a message is held behind, and where it entered its lane
 * last.
 *
 * @implements {MigrationInterface}
 */
export class HoldTurns1795000100000 {
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
  'ALTER TABLE messages ADD COLUMN held_behind uuid, ADD COLUMN lane_sequence bigint',
  'CREATE INDEX messages_held ON messages (held_behind) WHERE (held_behind IS NOT NULL)',
];

const DOWN = [
  'DROP INDEX messages_held',
  'ALTER TABLE messages DROP COLUMN lane_sequence, DROP COLUMN held_behind',
];
