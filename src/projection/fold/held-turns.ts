import type { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import { databaseOf } from '../tables/data-source.js';

interface ReadyRow {
  id: string;
  priority: Lane;
  behind: string;
  attempt: number;
  received_sequence: string;
}

/** A held turn whose time has come. */
export interface ReadyTurn {
  readonly messageId: string;
  readonly lane: Lane;
  readonly behind: string;
  readonly attempt: number;
  readonly receivedSequence: number;
}

/**
 * Held turns that may run now: the turn before them has ended, was erased since, or was requeued and stands behind them. Reads the partial
 * index of held messages, which is small.
 */
export class HeldTurns {
  constructor(private readonly dataSource: DataSource) {}

  /** Ready turns that are named here, or that wait for a message that is named here. */
  readyAmong(messageIds: readonly string[]): Promise<readonly ReadyTurn[]> {
    return this.ready('held.held_behind = ANY($1::uuid[]) OR held.id = ANY($1::uuid[])', [messageIds]);
  }

  /** All ready turns, for a projector that begins. */
  allReady(): Promise<readonly ReadyTurn[]> {
    return this.ready('held.held_behind IS NOT NULL', []);
  }

  private async ready(which: string, parameters: unknown[]): Promise<readonly ReadyTurn[]> {
    const rows: ReadyRow[] = await this.dataSource.query(
      `SELECT held.id, held.priority, held.held_behind AS behind, held.current_attempt AS attempt, held.received_sequence
        FROM ${this.table('messages')} held LEFT JOIN ${this.table('messages')} first ON first.id = held.held_behind
        JOIN ${this.table('message_requests')} held_turn ON held_turn.message_id = held.id
        LEFT JOIN ${this.table('message_requests')} first_turn ON first_turn.message_id = first.id
        WHERE (${which}) AND held.held_behind IS NOT NULL AND held.terminal_sequence IS NULL
          AND (first.id IS NULL OR first.terminal_sequence IS NOT NULL OR first_turn.turn_sequence > held_turn.turn_sequence)
        ORDER BY held.received_sequence`,
      parameters,
    );
    return rows.map(({ id, priority: lane, behind, attempt, received_sequence }) => ({
      ...{ messageId: id, lane },
      behind,
      attempt,
      receivedSequence: Number(received_sequence),
    }));
  }

  private table(name: string): string {
    return `"${databaseOf(this.dataSource).schema}".${name}`;
  }
}
