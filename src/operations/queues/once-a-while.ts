/** Keeps answers for a while, by key, and asks once however many want the same one: what is costly is not repeated. */
export class OnceAWhile<T> {
  private readonly kept = new Map<string, { readonly until: number; readonly answer: Promise<T> }>();

  constructor(private readonly nowMs: () => number) {}

  /** A failure is not kept. */
  get(key: string, forMs: number, ask: () => Promise<T>): Promise<T> {
    const now = this.nowMs();
    const known = this.kept.get(key);
    if (known !== undefined && now < known.until) return known.answer;
    for (const [old, { until }] of this.kept) if (until <= now) this.kept.delete(old);
    const answer = ask();
    this.kept.set(key, { until: now + forMs, answer });
    answer.catch(() => {
      if (this.kept.get(key)?.answer === answer) this.kept.delete(key);
    });
    return answer;
  }
}
