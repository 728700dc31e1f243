import { type Paint, painter, wantsColour } from './colour.policy.js';
import { plainText } from './plain-text.policy.js';

/** For what goes to this stream. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return painter(wantsColour(process.env, stream.isTTY === true));
}

/** Words of others: as they are for a program, and without what steers a terminal for one. */
export function writeWords(text: string): void {
  process.stdout.write(process.stdout.isTTY ? plainText(text) : text);
}

export function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** One value a line, as NDJSON. */
export function writeJsonLine(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A word to whoever sits there; a program that reads standard output does not get it. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

const ERASE_LINE = '\r\u001b[K';

/** One line on standard error that is written over and over; nothing where that is no terminal. */
export class StatusLine {
  private shown = '';

  show(text: string): void {
    const { isTTY, columns } = process.stderr;
    if (!isTTY || text === this.shown) return;
    this.shown = text;
    // A terminal that does not tell its size has none.
    process.stderr.write(ERASE_LINE + text.slice(0, (columns || 80) - 1));
  }

  clear(): void {
    if (this.shown === '') return;
    this.shown = '';
    process.stderr.write(ERASE_LINE);
  }
}
