/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What summaries of conversations used and cost, beside what messages did. Those from before have no account of it in the
 * log, so they stay uncounted.
 *
 * @implements {MigrationInterface}
 */
export class SummaryUsage1795000600000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE conversations ADD COLUMN summary_usage json');
    await queryRunner.query('ALTER TABLE usage_hours ADD COLUMN summaries bigint NOT NULL DEFAULT 0');
    await queryRunner.query('ALTER TABLE usage_hours ALTER COLUMN summaries DROP DEFAULT');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE usage_hours DROP COLUMN summaries');
    await queryRunner.query('ALTER TABLE conversations DROP COLUMN summary_usage');
  }
}
