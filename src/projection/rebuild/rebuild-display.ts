import { SingleBar } from 'cli-progress';
import type { RebuildPhase, RebuildProgress } from './rebuild.js';

const WORDS: Readonly<Record<RebuildPhase, string>> = {
  replaying: 'Replaying the log',
  indexing: 'Building the indexes',
  catching_up: 'Catching up',
  swapping: 'Swapping the tables',
};

/** Where no person watches a bar grow, a line this often is enough. */
const LINE_EVERY_MS = 5_000;

export interface RebuildDisplay {
  show(progress: RebuildProgress): void;
  end(): void;
}

export function rebuildDisplay(
  output: NodeJS.WriteStream,
  nowMs: () => number = () => performance.now(),
): RebuildDisplay {
  return output.isTTY ? bar(output) : lines(output, nowMs);
}

function bar(output: NodeJS.WriteStream): RebuildDisplay {
  const shown = new SingleBar({
    format: '{phase} [{bar}] {percentage}% | sequence {value} of {total} | {eta_formatted} left',
    stream: output,
    hideCursor: true,
    etaBuffer: 50,
  });
  let started = false;
  return {
    show({ phase, applied, target }) {
      if (!started) shown.start(target, applied, { phase: WORDS[phase] });
      started = true;
      shown.setTotal(Math.max(target, applied));
      shown.update(applied, { phase: WORDS[phase] });
    },
    end: () => shown.stop(),
  };
}

function lines(output: NodeJS.WriteStream, nowMs: () => number): RebuildDisplay {
  let last: { readonly phase: RebuildPhase; readonly atMs: number } | null = null;
  return {
    show({ phase, applied, target }) {
      const atMs = nowMs();
      if (last?.phase === phase && atMs - last.atMs < LINE_EVERY_MS) return;
      output.write(`${WORDS[phase]}: sequence ${applied} of ${Math.max(applied, target)}\n`);
      last = { phase, atMs };
    },
    end: () => {},
  };
}
