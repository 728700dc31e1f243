import type { Mark, RefusedLines } from '../batch.state.js';

/**
 * What has become of the lines so far. Lines end in any order; the mark follows as far as all before it have ended, so that
 * it and a few thousand numbers are all there is to know, however long the batch is.
 */
export class LineMarks {
  private current: Mark;
  /** Of lines behind the mark: true with an answer. */
  private readonly beyond = new Map<number, boolean>();
  private completedBeyond = 0;
  /** By the number of a line, that of the next one: blank lines between the two have no end to come. */
  private readonly next = new Map<number, number>();

  constructor(begin: Mark) {
    this.current = begin;
  }

  /** There is a line, and between this one before it and itself there is none. To be told in the order of the lines. */
  expect(line: number, before: number): void {
    this.next.set(before, line);
  }

  /** A line has ended. Told again, it has ended as it was told first. */
  end(line: number, isCompleted: boolean): void {
    if (line <= this.current.line || this.beyond.has(line)) return;
    this.beyond.set(line, isCompleted);
    if (isCompleted) this.completedBeyond += 1;
    this.follow();
  }

  get mark(): Mark {
    return this.current;
  }

  get counts(): { readonly completed: number; readonly failed: number } {
    const { completed, failed } = this.current;
    const failedBeyond = this.beyond.size - this.completedBeyond;
    return { completed: completed + this.completedBeyond, failed: failed + failedBeyond };
  }

  private follow(): void {
    let { line, completed, failed } = this.current;
    for (;;) {
      const next = this.next.get(line);
      const end = next === undefined ? undefined : this.beyond.get(next);
      if (next === undefined || end === undefined) break;
      this.beyond.delete(next);
      this.next.delete(line);
      if (end) this.completedBeyond -= 1;
      completed += end ? 1 : 0;
      failed += end ? 0 : 1;
      line = next;
    }
    this.current = { line, completed, failed };
  }
}

/** They are part of one small record. Beyond so many, a line is told the reason of another one with the same code. */
const MOST_REASONS = 20;

/** Adds a line to those that were refused for the same reason. */
export function withRefused(
  all: readonly RefusedLines[],
  line: number,
  { code, message }: Pick<RefusedLines, 'code' | 'message'>,
): RefusedLines[] {
  const same =
    all.find((each) => each.code === code && each.message === message) ??
    (all.length < MOST_REASONS ? undefined : (all.find((each) => each.code === code) ?? all[0]));
  if (same === undefined) return [...all, { code, message, lines: [[line, line]] }];
  return all.map((each) => (each === same ? { ...each, lines: joined(each.lines, line) } : each));
}

function joined(ranges: readonly (readonly [number, number])[], line: number): [number, number][] {
  const all = [...ranges, [line, line] as const].sort(([one], [other]) => one - other);
  const result: [number, number][] = [];
  for (const [from, to] of all) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}

/** What of it is about lines up to this one. */
export function refusedUpTo(all: readonly RefusedLines[], line: number): RefusedLines[] {
  return all.flatMap(({ lines, ...why }) => {
    const kept = lines.flatMap(([from, to]): [number, number][] =>
      from > line ? [] : [[from, Math.min(to, line)]],
    );
    return kept.length === 0 ? [] : [{ ...why, lines: kept }];
  });
}

/** Why the line was refused; null where it was not. */
export function refusalOfLine(all: readonly RefusedLines[], line: number): RefusedLines | null {
  return all.find(({ lines }) => lines.some(([from, to]) => line >= from && line <= to)) ?? null;
}
