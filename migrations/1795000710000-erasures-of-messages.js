/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Messages are erased by themselves too, so what is still to be erased can't be asked for its tenant by a conversation.
 *
 * @implements {MigrationInterface}
 */
export class ErasuresOfMessages1795000710000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE erasure_queue ADD COLUMN tenant text');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE erasure_queue DROP COLUMN tenant');
  }
}
