import type { Logger } from 'pino';

const EVERY_MS = 30_000;

/**
 * Tells of what fails again and again while something is away: the first time, and then twice a minute at most, with the
 * number of times that were not told.
 */
export class ThrottledWarning {
  private toldAtMs = Number.NEGATIVE_INFINITY;
  private lastAtMs = Number.NEGATIVE_INFINITY;
  private suppressed = 0;

  constructor(
    private readonly logger: Pick<Logger, 'warn'>,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  warn(about: object, text: string): void {
    const now = this.nowMs();
    const isAgain = now - this.lastAtMs < EVERY_MS;
    this.lastAtMs = now;
    // What was not told of another outage says nothing of this one.
    if (!isAgain) this.suppressed = 0;
    if (now - this.toldAtMs < EVERY_MS) {
      this.suppressed += 1;
      return;
    }
    const { suppressed } = this;
    this.toldAtMs = now;
    this.suppressed = 0;
    this.logger.warn(suppressed === 0 ? about : { ...about, suppressed }, text);
  }
}
