/** How many of the values seen lay in which bucket. It changes in place: each message is counted several times. */
export class Histogram {
  /** One more than there are bounds: the last bucket has no upper bound. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  /** @param bounds upper bounds, rising; a value that equals one belongs below it */
  constructor(readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0).concat(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at += 1;
    this.counts[at]! += 1;
    this.count += 1;
    this.sum += value;
  }
}

/** What only rises. */
export class Total {
  value = 0;

  add(more: number): void {
    this.value += more;
  }
}
