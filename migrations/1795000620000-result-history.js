/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What of its conversation did not fit into the request that an answer was given to. Null for answers from before.
 *
 * @implements {MigrationInterface}
 */
export class ResultHistory1795000620000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE message_results ADD COLUMN history json');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE message_results DROP COLUMN history');
  }
}
