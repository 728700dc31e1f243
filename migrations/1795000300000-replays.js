/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Which message a message repeats: to be read, and to be found when the first one is erased.
 *
 * @implements {MigrationInterface}
 */
export class Replays1795000300000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests ADD COLUMN replay_of text');
    await queryRunner.query(
      'CREATE INDEX message_requests_by_replay ON message_requests (replay_of) WHERE replay_of IS NOT NULL',
    );
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests DROP COLUMN replay_of');
  }
}
