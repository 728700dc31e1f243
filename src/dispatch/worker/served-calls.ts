import { Injectable } from '@nestjs/common';
import type { Lane } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';
import type { ServedModel } from '../workers/nats/worker-beats.js';
import type { Outcome } from './work.js';

type Counters = Omit<ServedModel, 'model'>;

/** What this worker's slots did and do, model by model: from these counters a scheduler knows how fast a slot is. */
@Injectable()
export class ServedCalls {
  private readonly models = new Map<string, Counters>();

  began(model: string, lane: Lane): void {
    this.of(model).running[lane] += 1;
  }

  /** @param outcome null where it left its slot by an error */
  ended(model: string, lane: Lane, ms: number, outcome: Outcome | null): void {
    const counters = this.of(model);
    counters.running[lane] -= 1;
    if (!wasCall(outcome)) return;
    counters.busy_ms += ms;
    counters.calls += 1;
    const usage = outcome.kind === 'answered' ? outcome.completed.data.usage : null;
    if (usage === null) return;
    counters.counted_calls += 1;
    counters.tokens += usage.prompt_tokens + usage.completion_tokens;
  }

  get all(): ServedModel[] {
    return [...this.models].map(([model, counters]) => ({
      ...{ model, ...counters },
      running: { ...counters.running },
    }));
  }

  private of(model: string): Counters {
    let counters = this.models.get(model);
    if (counters === undefined) {
      counters = { running: perLaneOf(() => 0), busy_ms: 0, calls: 0, counted_calls: 0, tokens: 0 };
      this.models.set(model, counters);
    }
    return counters;
  }
}

/** What went back into its lane was no call, and will be counted when it is one. */
export function wasCall(
  outcome: Outcome | null,
): outcome is Extract<Outcome, { kind: 'answered' | 'failed' }> {
  return outcome?.kind === 'answered' || outcome?.kind === 'failed';
}
