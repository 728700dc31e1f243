import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { SOURCES, type Sources } from '../../platform/clock.js';

export interface HealthState {
  readonly ok: boolean;
  /** For people: what is wrong, or worth knowing, such as how durable a write is. */
  readonly detail?: string;
}

/** What a part said when it was asked. */
export interface AskedState extends HealthState {
  /** How long it took to answer; absent where nobody was asked. */
  readonly tookMs?: number;
}

/** One part of the service without which it is not usable. */
export interface HealthCheck {
  readonly name: string;
  /** Asks the part itself, with a round trip where there is one. Throwing means not ok. */
  check(): Promise<HealthState>;
}

/** Nest's token for `readonly HealthCheck[]`. */
export const HEALTH_CHECKS = Symbol('HealthChecks');

const CHECK_TIMEOUT_MS = 2_000;

export interface Readiness {
  readonly ready: boolean;
  /** ISO 8601: when the parts were asked. */
  readonly at: string;
  readonly parts: Readonly<Record<string, AskedState>>;
}

/** Whether the service is usable, as its parts say themselves. Probes that come together share one round of questions. */
@Injectable()
export class ReadinessProbe implements OnModuleDestroy {
  private round: Promise<Readiness> | null = null;
  private stopping = false;

  constructor(
    @Inject(HEALTH_CHECKS) private readonly checks: readonly HealthCheck[],
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'steadyMs'>,
  ) {}

  /** Never rejects. */
  probe(): Promise<Readiness> {
    this.round ??= this.ask().finally(() => {
      this.round = null;
    });
    return this.round;
  }

  /** Load balancers are to send nothing more from here on. */
  onModuleDestroy(): void {
    this.stopping = true;
  }

  private async ask(): Promise<Readiness> {
    const at = new Date(this.sources.nowMs()).toISOString();
    const { steadyMs } = this.sources;
    const startedMs = steadyMs();
    const states = await Promise.all(
      this.checks.map(async (check) => {
        const state = await inTime(check);
        return [check.name, { ...state, tookMs: Math.round(steadyMs() - startedMs) }] as const;
      }),
    );
    const parts: Record<string, AskedState> = Object.fromEntries(states);
    if (this.stopping) parts['service'] = { ok: false, detail: 'stopping' };
    return { ready: Object.values(parts).every((state) => state.ok), at, parts };
  }
}

/** A part that does not answer is not ok; the question itself can't be taken back and may end whenever it does. */
async function inTime(check: HealthCheck): Promise<HealthState> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<HealthState>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, detail: `no answer in ${CHECK_TIMEOUT_MS} ms` }),
      CHECK_TIMEOUT_MS,
    );
  });
  const asked = Promise.resolve()
    .then(() => check.check())
    .catch((error: unknown) => ({
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
    }));
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
