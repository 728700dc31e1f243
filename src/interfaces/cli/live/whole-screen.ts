import type { Paint } from '../terminal/colour.policy.js';
import { fitted } from './top-text.policy.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const CTRL_C = '\u0003';

/** The other screen of a terminal, which leaves what was there before as it was. `q` and Ctrl-C leave it. */
export class WholeScreen {
  readonly closed: AbortSignal;
  private readonly closing = new AbortController();
  private text = '';

  /** @param paint for the heading, which is the first line of what is shown */
  constructor(
    signal: AbortSignal,
    private readonly paint: Paint,
  ) {
    this.closed = AbortSignal.any([signal, this.closing.signal]);
    process.stdout.write(ENTER);
    process.stdout.on('resize', this.redraw);
    if (!process.stdin.isTTY) return;
    // Raw: each key at once, and Ctrl-C as a key.
    process.stdin.setRawMode(true).setEncoding('utf8').on('data', this.hear).resume();
  }

  show(text: string): void {
    this.text = text;
    this.redraw();
  }

  close(): void {
    process.stdout.off('resize', this.redraw);
    process.stdout.write(LEAVE);
    if (process.stdin.isTTY) process.stdin.off('data', this.hear).setRawMode(false).pause();
  }

  private readonly redraw = (): void => {
    // A terminal that does not tell its size has none.
    const { columns, rows } = process.stdout;
    const [heading = '', ...rest] = fitted(this.text, columns || 80, rows || 24);
    const lines = [this.paint('bold', heading), ...rest].map((line) => line + REST_OF_LINE);
    process.stdout.write(HOME + lines.join('\r\n') + REST_OF_SCREEN);
  };

  private readonly hear = (keys: Buffer | string): void => {
    if (keys === 'q' || keys === CTRL_C) this.closing.abort();
  };
}
