import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import { databaseOf } from '../tables/data-source.js';

/** A message's entry in its lane. */
export interface WaitingEntry {
  readonly sequence: number;
  /** Where its request lies. */
  readonly receivedSequence: number;
}

/** Finds what has waited in a lane for long. Reads `messages_waiting`, from a place on. */
@Injectable()
export class AgedReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * The first entries of the lane behind a place that went in before a time (ISO 8601), in the order of the lane; without
   * those that have gone up a lane before, and turns that are held.
   */
  async waitingSince(
    lane: Lane,
    time: string,
    behind: number,
    limit: number,
  ): Promise<readonly WaitingEntry[]> {
    const rows: { sequence: string | number; received: string | number }[] = await this.dataSource.query(
      agedSql(databaseOf(this.dataSource).schema),
      [lane, behind, limit, time],
    );
    return rows.map(({ sequence, received }) => ({
      sequence: Number(sequence),
      receivedSequence: Number(received),
    }));
  }
}

/** The time is looked at last: entries are in its order but for what clocks differ by. */
export function agedSql(schema: string): string {
  return `SELECT head.sequence, head.received FROM (
      SELECT id, lane_sequence AS sequence, received_sequence AS received FROM "${schema}".messages
      WHERE status = 'pending' AND held_behind IS NULL AND priority = $1 AND lane_sequence > $2
        AND priority_reason <> 'aged'
      ORDER BY lane_sequence LIMIT $3
    ) head JOIN "${schema}".message_events e ON e.message_id = head.id AND e.sequence = head.sequence
    WHERE e.time < $4 ORDER BY head.sequence`;
}
