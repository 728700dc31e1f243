/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * The answers of a message behind its first one, where it asked for several. Those of before are in the log; a rebuild
 * of the projection puts them here.
 *
 * @implements {MigrationInterface}
 */
export class AnswerChoices1795000610000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE message_results ADD COLUMN other_choices json');
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE message_results DROP COLUMN other_choices');
  }
}
