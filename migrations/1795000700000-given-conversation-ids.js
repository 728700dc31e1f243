/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * The id that a client gave its conversation. Null for those that the service gave out, as all of before.
 *
 * @implements {MigrationInterface}
 */
export class GivenConversationIds1795000700000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE conversations ADD COLUMN given_id text');
    await queryRunner.query('ALTER TABLE message_requests ADD COLUMN conversation_given_id text');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE message_requests DROP COLUMN conversation_given_id');
    await queryRunner.query('ALTER TABLE conversations DROP COLUMN given_id');
  }
}
