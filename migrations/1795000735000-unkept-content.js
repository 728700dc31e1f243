/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Which messages lose their content once they have ended, and the index by which these are found. Of messages from before
 * none does.
 *
 * @implements {MigrationInterface}
 */
export class UnkeptContent1795000735000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests ADD COLUMN unkept boolean');
    await queryRunner.query(
      'CREATE INDEX message_requests_unkept ON message_requests (message_id) WHERE unkept IS NOT NULL',
    );
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests DROP COLUMN unkept');
  }
}
