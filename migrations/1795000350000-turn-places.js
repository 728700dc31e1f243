/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * The place of each turn in the order of its conversation: where it was received, or where it was requeued last.
 *
 * @implements {MigrationInterface}
 */
export class TurnPlaces1795000350000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    for (const statement of DOWN) await queryRunner.query(statement);
  }
}

const INDEX = 'CREATE INDEX message_requests_by_turn ON message_requests';
const TURNS = 'WHERE (conversation_id IS NOT NULL)';

const UP = [
  'ALTER TABLE message_requests ADD COLUMN turn_sequence bigint',
  `UPDATE message_requests q SET turn_sequence = GREATEST(q.sequence, (
      SELECT max(e.sequence) FROM message_events e
      WHERE e.message_id = q.message_id AND e.type = 'llmq.message.requeued.v1'
    )) ${TURNS}`,
  'DROP INDEX message_requests_by_turn',
  `${INDEX} (tenant, conversation_id, turn_sequence) ${TURNS}`,
];

const DOWN = [
  'DROP INDEX message_requests_by_turn',
  'ALTER TABLE message_requests DROP COLUMN turn_sequence',
  `${INDEX} (tenant, conversation_id, sequence) ${TURNS}`,
];
