import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { databaseOf } from '../tables/data-source.js';

/** What the tables know of the messages that wait in a lane for a model. */
export interface WaitingFigures {
  readonly lane: Lane;
  /** Null for those that take the default. */
  readonly model: string | null;
  /** Messages whose deadline is near. */
  readonly due: number;
  /** Of the first ones in the lane, those whose tokens were counted, and these. */
  readonly sampled: number;
  readonly sampledTokens: number;
}

interface FigureRow {
  lane: Lane;
  model: string | null;
  due: string;
  sampled: string;
  tokens: string;
}

/** Of each lane so many are looked at for their tokens: as good as all of them, at a price that doesn't grow. */
const MOST_SAMPLED = 500;

/** Reads `messages_by_deadline` and the head of each lane in `messages_waiting`; never the whole table. */
@Injectable()
export class WaitingFiguresReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** @throws when the database does not answer */
  async read(dueWithinMs: number): Promise<WaitingFigures[]> {
    const { schema } = databaseOf(this.dataSource);
    const parameters = [[...LANES], dueWithinMs, MOST_SAMPLED];
    const rows: FigureRow[] = await this.dataSource.query(waitingFiguresSql(schema), parameters);
    return rows.map(({ lane, model, due, sampled, tokens }) => ({
      ...{ lane, model, due: Number(due), sampled: Number(sampled), sampledTokens: Number(tokens) },
    }));
  }
}

export function waitingFiguresSql(schema: string): string {
  return `WITH due AS (
      SELECT priority AS lane, model, count(*) AS due FROM "${schema}".messages
      WHERE terminal_sequence IS NULL AND deadline < now() + $2::double precision * interval '1 millisecond'
        AND status = 'pending' AND held_behind IS NULL
      GROUP BY priority, model
    ), sample AS (
      SELECT lane, head.model, count(*) AS sampled, sum(head.tokens) AS tokens
      FROM unnest($1::text[]) AS lane CROSS JOIN LATERAL (
        SELECT m.model, (q.analysis ->> 'tokens')::bigint AS tokens
        FROM "${schema}".messages m JOIN "${schema}".message_requests q ON q.message_id = m.id
        WHERE m.status = 'pending' AND m.held_behind IS NULL AND m.priority = lane
        ORDER BY m.lane_sequence LIMIT $3
      ) AS head WHERE head.tokens IS NOT NULL GROUP BY lane, head.model
    )
    SELECT coalesce(due.lane, sample.lane) AS lane, coalesce(due.model, sample.model) AS model,
      coalesce(due, 0) AS due, coalesce(sampled, 0) AS sampled, coalesce(tokens, 0) AS tokens
    FROM due FULL JOIN sample
      ON due.lane = sample.lane AND coalesce(due.model, '') = coalesce(sample.model, '')`;
}
