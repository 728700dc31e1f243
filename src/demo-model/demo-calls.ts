/** One call that the demo model has seen. */
export interface DemoCall {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly model: string | null;
  /** The last user message; null where texts are not recorded, or where the body was refused. */
  readonly text: string | null;
  /** The request's JSON; null where texts are not recorded. */
  readonly body: unknown;
  readonly traceparent: string | null;
  /** Whether an `Authorization` header was there; its value is not kept. */
  readonly authorized: boolean;
  /**
   * `open` while it is answered; `answered` in whole; `refused` with a status; `troubled` as a directive wanted;
   * `left` when the client went away first.
   */
  readonly outcome: 'open' | 'answered' | 'refused' | 'troubled' | 'left';
}

export interface DemoCallList {
  readonly total: number;
  readonly open: number;
  /** The newest, oldest first. */
  readonly calls: readonly DemoCall[];
}

const KEPT_CALLS = 1_000;
const KEPT_TEXTS = 10_000;

/** Remembers the newest calls, and how often a text has come, both within bounds. */
export class DemoCalls {
  private readonly kept = new Map<string, DemoCall>();
  private readonly timesByText = new Map<string, number>();
  private total = 0;
  private open = 0;

  /** @param recordTexts whether what users wrote is kept for `GET /demo/calls` */
  constructor(private readonly recordTexts: boolean) {}

  begin(call: Pick<DemoCall, 'at' | 'traceparent' | 'authorized'>): string {
    this.total += 1;
    this.open += 1;
    const id = `chatcmpl-demo-${this.total}`;
    this.kept.set(id, { ...call, id, model: null, text: null, body: null, outcome: 'open' });
    dropOldest(this.kept, KEPT_CALLS);
    return id;
  }

  describe(id: string, model: string, text: string, body: unknown): void {
    this.update(id, this.recordTexts ? { model, text, body } : { model });
  }

  end(id: string, outcome: Exclude<DemoCall['outcome'], 'open'>): void {
    this.open -= 1;
    this.update(id, { outcome });
  }

  /** Counts a call with this text, and returns how many there have been with it. */
  timesSeen(text: string): number {
    const times = (this.timesByText.get(text) ?? 0) + 1;
    this.timesByText.delete(text);
    this.timesByText.set(text, times);
    dropOldest(this.timesByText, KEPT_TEXTS);
    return times;
  }

  list(): DemoCallList {
    return { total: this.total, open: this.open, calls: [...this.kept.values()] };
  }

  private update(id: string, change: Partial<DemoCall>): void {
    const call = this.kept.get(id);
    if (call !== undefined) this.kept.set(id, { ...call, ...change });
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  if (map.size <= most) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
