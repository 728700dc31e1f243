/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * The trace in which the end of a message is told. Ends from before are told in none until the tables are rebuilt.
 *
 * @implements {MigrationInterface}
 */
export class WebhookTraces1795000740000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE webhooks ADD COLUMN trace json');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE webhooks DROP COLUMN trace');
  }
}
