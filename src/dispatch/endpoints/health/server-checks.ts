import type { Logger } from 'pino';
import type { EndpointRegistry } from '../endpoint-registry.js';
import type { CheckResult } from './health.state.js';
import { type CheckTimes, nextCheckMs } from './server-check.policy.js';

const ANSWERS_WITHIN_MS = 3_000;

/**
 * Asks the servers of endpoints whether they are well, from the one process that leads. What a check says opens or
 * closes the way for the next real call that tries; what calls have closed only such a call opens.
 */
export class ServerChecks {
  private readonly times = new Map<string, CheckTimes>();
  private readonly running = new Set<string>();
  private readonly end = new AbortController();

  constructor(
    private readonly registry: EndpointRegistry,
    private readonly logger: Logger,
  ) {}

  /** Starts the checks that are due. */
  run(): void {
    const nowMs = performance.now();
    const unhealthy = new Set(
      this.registry.watches
        .statuses()
        .flatMap(({ endpoint, state }) => (state === 'unhealthy' ? [endpoint] : [])),
    );
    for (const { name, phase } of this.registry.states()) {
      if (phase !== 'active' || this.running.has(name)) continue;
      // Nobody has to be asked before the first call.
      const before = this.times.get(name) ?? { atMs: nowMs, failures: 0 };
      this.times.set(name, before);
      if (nowMs >= nextCheckMs(before, unhealthy.has(name))) void this.check(name, before);
    }
  }

  stop(): void {
    this.end.abort();
  }

  private async check(name: string, before: CheckTimes): Promise<void> {
    this.running.add(name);
    try {
      const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(ANSWERS_WITHIN_MS)]);
      const result = await this.registry.check(name, signal);
      if (this.end.signal.aborted) return;
      this.registry.watches.hearCheck(name, result);
      this.times.set(name, { atMs: performance.now(), failures: failuresAfter(before, result) });
    } catch (err) {
      this.logger.error({ err, endpoint: name }, 'an endpoint could not be checked');
      this.times.set(name, { ...before, atMs: performance.now() });
    } finally {
      this.running.delete(name);
    }
  }
}

function failuresAfter({ failures }: CheckTimes, result: CheckResult): number {
  return result === 'down' || result === 'silent' ? failures + 1 : 0;
}
