/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Repetitions that come in behind the erasure of what they repeat: found among the newest, and by their conversation.
 *
 * @implements {MigrationInterface}
 */
export class LateRepetitions1795000400000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    for (const statement of DOWN) await queryRunner.query(statement);
  }
}

const UP = [
  'CREATE INDEX erased_messages_by_conversation ON erased_messages (conversation_id)',
  `CREATE INDEX message_requests_by_replay_time ON message_requests (created_at)
    WHERE (replay_of IS NOT NULL)`,
];

const DOWN = ['DROP INDEX message_requests_by_replay_time', 'DROP INDEX erased_messages_by_conversation'];
