/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What was erased with a conversation is found by it, for the messages that repeat something of it and come late.
 *
 * @implements {MigrationInterface}
 */
export class ErasedByConversation1795000400000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query(
      'CREATE INDEX erased_messages_by_conversation ON erased_messages (conversation_id)',
    );
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('DROP INDEX erased_messages_by_conversation');
  }
}
