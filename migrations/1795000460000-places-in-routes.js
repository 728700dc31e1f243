/**
 * @import { MigrationInterface, QueryRunner } from 'typeorm'
 */

/**
 * What waits, in the order of its lane and by its model: its place is counted among those of its model.
 *
 * @implements {MigrationInterface}
 */
export class PlacesInRoutes1795000460000 {
  /** @param {QueryRunner} queryRunner */
  async up(queryRunner) {
    for (const statement of UP) await queryRunner.query(statement);
  }

  /** @param {QueryRunner} queryRunner */
  async down(queryRunner) {
    for (const statement of DOWN) await queryRunner.query(statement);
  }
}

const INDEX = 'CREATE INDEX messages_waiting ON messages';
const WAITING = "WHERE ((status = 'pending'::text) AND (held_behind IS NULL))";

const UP = ['DROP INDEX messages_waiting', `${INDEX} (priority, lane_sequence, model) ${WAITING}`];

const DOWN = ['DROP INDEX messages_waiting', `${INDEX} (priority, last_sequence) ${WAITING}`];
