/** What is to happen, the earliest first; of the same time, what was put in first. A binary heap. */
export class EventQueue<T> {
  private readonly heap: { atMs: number; order: number; event: T }[] = [];
  private orders = 0;

  get nextMs(): number {
    return this.heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  push(atMs: number, event: T): void {
    this.orders += 1;
    this.heap.push({ atMs, order: this.orders, event });
    let at = this.heap.length - 1;
    while (at > 0 && this.isBefore(at, (at - 1) >> 1)) {
      this.swap(at, (at - 1) >> 1);
      at = (at - 1) >> 1;
    }
  }

  pop(): T {
    const first = this.heap[0]!;
    const last = this.heap.pop()!;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink();
    }
    return first.event;
  }

  private sink(): void {
    let at = 0;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < this.heap.length && this.isBefore(left, least)) least = left;
      if (right < this.heap.length && this.isBefore(right, least)) least = right;
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private isBefore(one: number, other: number): boolean {
    const [first, second] = [this.heap[one]!, this.heap[other]!];
    return first.atMs - second.atMs < 0 || (first.atMs === second.atMs && first.order < second.order);
  }

  private swap(one: number, other: number): void {
    [this.heap[one], this.heap[other]] = [this.heap[other]!, this.heap[one]!];
  }
}
