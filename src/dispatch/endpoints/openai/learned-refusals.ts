import type { Refusable } from './stream-refusal.policy.js';

/** As many models as an endpoint may be asked for; names come from its configuration. */
const MAX_MODELS = 10_000;

/** What an endpoint refuses to be asked with: as it is configured, and as its answers have shown for a model. */
export class LearnedRefusals {
  private readonly always: readonly Refusable[];
  private readonly byModel = new Map<string, Set<Refusable>>();

  constructor(configured: Readonly<Partial<Record<Refusable, boolean>>>) {
    this.always = (Object.keys(configured) as Refusable[]).filter((word) => configured[word] === true);
  }

  of(model: string): readonly Refusable[] {
    const learned = this.byModel.get(model);
    return learned === undefined ? this.always : [...this.always, ...learned];
  }

  learn(model: string, word: Refusable): void {
    const words = this.byModel.get(model) ?? new Set();
    words.add(word);
    if (this.byModel.size < MAX_MODELS || this.byModel.has(model)) this.byModel.set(model, words);
  }
}
