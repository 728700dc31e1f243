/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What the preprocessor found in a request. It stands beside the request, which is written once, and not in
 * `messages`, of which each change writes the whole row anew.
 *
 * @implements {MigrationInterface}
 */
export class MessageAnalysis1795000250000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests ADD COLUMN analysis json');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests DROP COLUMN analysis');
  }
}
