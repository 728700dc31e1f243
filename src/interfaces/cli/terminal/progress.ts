import { spanText } from './amounts.policy.js';

/** How far long work is, on standard error; nothing where that is no terminal. */
export interface Progress {
  show(value: number, total: number, words?: string): void;
  end(): void;
}

/** @param unit what is counted, as `lines` */
export async function progressOf(doing: string, unit: string): Promise<Progress> {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  const { SingleBar } = await import('cli-progress');
  const format = `{doing} [{bar}] {percentage}% | {value} of {total} ${unit} | {eta_formatted} left`;
  const bar = new SingleBar({
    ...{ format, stream: process.stderr, hideCursor: true, etaBuffer: 50 },
    // At the beginning it is not known, which the bar tells by a word in place of a number.
    formatTime: (seconds: number | string) =>
      Number.isFinite(Number(seconds)) ? spanText(Number(seconds)) : '?',
  });
  let started = false;
  return {
    show(value, total, words = doing) {
      if (!started) bar.start(total, value, { doing: words });
      started = true;
      bar.setTotal(total);
      bar.update(value, { doing: words });
    },
    end: () => bar.stop(),
  };
}
