/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Messages that failed for good, apart from `messages`: few, and listed by when they failed. Those that were requeued or
 * discarded stay as rows, which tell a late event that it is late, but not in the index.
 *
 * @implements {MigrationInterface}
 */
export class CreateDeadLetters1795000005000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query(`CREATE TABLE dead_letters (
      message_id uuid NOT NULL CONSTRAINT dead_letters_pkey PRIMARY KEY,
      tenant text NOT NULL,
      state text NOT NULL,
      user_id text NOT NULL,
      priority text NOT NULL,
      model text,
      error json NOT NULL,
      error_code text NOT NULL,
      attempts integer NOT NULL,
      last_attempt integer NOT NULL,
      created_at timestamptz(3) NOT NULL,
      dead_lettered_at timestamptz(3) NOT NULL,
      received_sequence bigint NOT NULL,
      terminal_sequence bigint NOT NULL,
      last_sequence bigint NOT NULL
    )`);
    await queryRunner.query(
      `CREATE INDEX dead_letters_open ON dead_letters (tenant, dead_lettered_at, message_id) WHERE (state = 'open'::text)`,
    );
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query('DROP TABLE dead_letters');
  }
}
