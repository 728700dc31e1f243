/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Where the end of a message is told, for messages of NATS publishers, and the index by which the ends that were not told
 * yet are found. Messages from before are told nowhere.
 *
 * @implements {MigrationInterface}
 */
export class ToldResults1795000730000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE messages ADD COLUMN result_to text');
    await queryRunner.query(
      'CREATE INDEX messages_results ON messages (terminal_sequence) WHERE result_to IS NOT NULL',
    );
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE messages DROP COLUMN result_to');
  }
}
