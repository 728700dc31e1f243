import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NO_LINES, type RefusedLines } from '../batch.state.js';
import { LineMarks, refusalOfLine, withRefused } from './line-marks.state.js';

const linesWithGaps = fc
  .uniqueArray(fc.integer({ min: 1, max: 40 }))
  .map((lines) => lines.sort((a, b) => a - b));

describe('the marks of lines', () => {
  it('count each line once, and follow as far as all have ended', () => {
    fc.assert(
      fc.property(linesWithGaps, fc.infiniteStream(fc.nat()), fc.nat(60), (lines, chance, steps) => {
        const marks = new LineMarks(NO_LINES);
        for (const [at, line] of lines.entries()) marks.expect(line, lines[at - 1] ?? 0);
        const over = new Map<number, boolean>();
        for (let step = 0; step < steps && lines.length > 0; step += 1) {
          const line = lines[chance.next().value % lines.length]!;
          const isCompleted = over.get(line) ?? chance.next().value % 2 === 0;
          over.set(line, isCompleted);
          marks.end(line, isCompleted);
        }
        const firstOpen = lines.findIndex((line) => !over.has(line));
        const before = firstOpen === -1 ? lines : lines.slice(0, firstOpen);
        const completed = before.filter((line) => over.get(line)).length;
        expect(marks.mark).toEqual({
          ...{ line: before.at(-1) ?? 0, completed, failed: before.length - completed },
        });
        const all = [...over.values()];
        expect(marks.counts).toEqual({
          completed: all.filter((end) => end).length,
          failed: all.filter((end) => !end).length,
        });
      }),
    );
  });

  it('go on behind a mark of before', () => {
    const marks = new LineMarks({ line: 7, completed: 5, failed: 2 });
    marks.expect(9, 7);
    marks.end(3, true);
    marks.end(9, false);
    expect(marks.mark).toEqual({ line: 9, completed: 5, failed: 3 });
  });
});

describe('refused lines', () => {
  it('are found by their numbers, and few ranges', () => {
    fc.assert(
      fc.property(linesWithGaps, (lines) => {
        let all: RefusedLines[] = [];
        for (const line of lines) all = withRefused(all, line, { code: 'c', message: line < 20 ? 'm' : 'n' });
        for (let line = 0; line < 45; line += 1) {
          expect(refusalOfLine(all, line)?.message ?? null).toBe(
            lines.includes(line) ? (line < 20 ? 'm' : 'n') : null,
          );
        }
        for (const { lines: ranges } of all) {
          for (const [at, [from]] of ranges.entries()) {
            if (at > 0) expect(from).toBeGreaterThan(ranges[at - 1]![1] + 1);
          }
        }
      }),
    );
  });

  it('have few reasons, however many there are', () => {
    let all: RefusedLines[] = [];
    for (let line = 1; line <= 1_000; line += 1) {
      all = withRefused(all, line, { code: line % 2 === 0 ? 'even' : 'odd', message: `of line ${line}` });
    }
    expect(all.length).toBeLessThanOrEqual(20);
    expect(refusalOfLine(all, 3)?.message).toBe('of line 3');
    for (let line = 1; line <= 1_000; line += 1) {
      expect(refusalOfLine(all, line)?.code).toBe(line % 2 === 0 ? 'even' : 'odd');
    }
  });
});
