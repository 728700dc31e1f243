import type { Logger } from 'pino';

/**
 * What was started, to be stopped in the reverse order: what started later rests on what started before.
 * A part that fails to stop is logged and does not keep the others from being stopped.
 */
export class StopStack {
  private readonly parts: { name: string; stop: () => Promise<unknown> }[] = [];

  constructor(private readonly logger: Logger) {}

  push(name: string, stop: () => Promise<unknown>): void {
    this.parts.push({ name, stop });
  }

  /** @returns the names of the parts that did not stop */
  async stopAll(): Promise<string[]> {
    const failed: string[] = [];
    for (let part = this.parts.pop(); part !== undefined; part = this.parts.pop()) {
      try {
        await part.stop();
      } catch (error) {
        failed.push(part.name);
        this.logger.error({ err: error }, `${part.name} did not stop cleanly`);
      }
    }
    return failed;
  }
}
