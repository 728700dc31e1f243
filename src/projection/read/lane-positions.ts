import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import { databaseOf } from '../tables/data-source.js';

/** Of each lane so many messages are numbered, from its head; a place behind them is not told. */
const MOST_NUMBERED = 10_000;

/** Where one message stands now. */
export interface LanePosition {
  readonly id: string;
  readonly status: MessageStatus;
  readonly priority: Lane;
  readonly model: string | null;
  /** It waits for its turn in its conversation. */
  readonly held: boolean;
  /** 1 for the next of its lane and model; null where it waits in no lane, or far behind its head. */
  readonly position: number | null;
}

interface Row extends Omit<LanePosition, 'position'> {
  position: string | null;
}

/** Tells of many messages at once where they stand. It reads each lane's index once, however many are asked for. */
@Injectable()
export class LanePositions {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** @param defaultModel the model of messages that name none */
  async of(ids: readonly string[], defaultModel: string): Promise<ReadonlyMap<string, LanePosition>> {
    const sql = positionsSql(databaseOf(this.dataSource).schema);
    const rows: Row[] = await this.dataSource.query(sql, [[...ids], defaultModel, MOST_NUMBERED]);
    return new Map(
      rows.map(({ position, ...row }) => [
        row.id,
        { ...row, position: position === null ? null : Number(position) },
      ]),
    );
  }
}

export function positionsSql(schema: string): string {
  return `WITH asked AS (
      SELECT id, status, priority, model, held_behind IS NOT NULL AS held
      FROM "${schema}".messages WHERE id = ANY($1::uuid[])
    ), numbered AS (
      SELECT w.id, row_number() OVER (PARTITION BY lane, coalesce(w.model, $2) ORDER BY w.lane_sequence) AS position
      FROM (SELECT DISTINCT priority AS lane FROM asked WHERE status = 'pending') AS lanes
      CROSS JOIN LATERAL (
        SELECT id, model, lane_sequence FROM "${schema}".messages
        WHERE status = 'pending' AND held_behind IS NULL AND priority = lane ORDER BY lane_sequence LIMIT $3
      ) AS w
    )
    SELECT asked.*, numbered.position FROM asked LEFT JOIN numbered USING (id)`;
}
