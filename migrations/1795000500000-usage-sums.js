/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * Sums of what endpoints told, without a bound: an endpoint that tells absurd numbers of tokens made a sum that was too
 * large for its column, and the projection stopped there.
 *
 * @implements {MigrationInterface}
 */
export class UsageSums1795000500000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    await queryRunner.query(changed('numeric'));
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    await queryRunner.query(changed('bigint'));
  }
}

const SUMS = ['input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens', 'cost_nanos'];

/** @param {string} type */
function changed(type) {
  return `ALTER TABLE usage_hours ${SUMS.map((name) => `ALTER COLUMN ${name} TYPE ${type}`).join(', ')}`;
}
