import { Inject, Injectable } from '@nestjs/common';
import type { ScaleDecided } from '../domain/admin/scale.events.js';
import { AdminFollower } from '../log/admin/admin-follower.js';

/** A decision as the log has it. */
export interface KeptDecision {
  readonly id: string;
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly decided: ScaleDecided;
}

export interface WantedDecisions {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** Null for all. */
  readonly model: string | null;
  readonly cursor: number | null;
}

/** Older ones are in the log, which the audit reads. */
export const KEPT_DECISIONS = 1_000;

/**
 * What the leaders decided, folded from the log: the same in every process. A leader that was cut off or frozen may append
 * behind its successor; what an older term says there does not count.
 */
@Injectable()
export class ScaleDecisions {
  private kept: KeptDecision[] = [];
  private term = 0;
  private readonly byModel = new Map<string, KeptDecision>();

  constructor(@Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>) {
    follower.on('llmq.admin.scale-decided.v1', ({ id, time, data }, sequence) => {
      if (data.term < this.term) return;
      this.term = data.term;
      const kept = { id, sequence, time, decided: data };
      this.kept.push(kept);
      if (this.kept.length > 2 * KEPT_DECISIONS) this.kept = this.kept.slice(-KEPT_DECISIONS);
      this.byModel.set(data.model, kept);
    });
  }

  get highestTerm(): number {
    return this.term;
  }

  latestOf(model: string): KeptDecision | null {
    return this.byModel.get(model) ?? null;
  }

  /** Those behind the cursor, which is a place in the log, in the order that is wanted. */
  list({ limit, model, order, cursor }: WantedDecisions): KeptDecision[] {
    const isWanted = ({ sequence, decided }: KeptDecision) =>
      (model === null || decided.model === model) &&
      (cursor === null || (order === 'asc' ? sequence > cursor : sequence < cursor));
    const wanted = this.kept.slice(-KEPT_DECISIONS).filter(isWanted);
    return order === 'asc' ? wanted.slice(0, limit) : wanted.slice(-limit).reverse();
  }
}
