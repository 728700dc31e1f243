import type { EndpointState } from '../endpoint.state.js';
import { AGE_STEP_MS, type Ages } from './estate.policy.js';
import { RateWindow } from './rate-window.js';
import { RESOURCES, type Resource } from './share-ledger.policy.js';

/** What a call uses of an endpoint's limits. */
export interface LimitUse {
  readonly requestAtMs: number | null;
  readonly tokensAtMs: number | null;
  readonly tokens: number;
}

/** Before any call has told. */
const FIRST_GUESS_TOKENS = 500;
const NEWEST_PART = 0.1;

/**
 * What this process may use of one endpoint: its shares of the places, and of the requests and tokens of a minute. Alone
 * it has all of them. With others, the shares are another's to say (`apportion`), and asking never waits.
 */
export class EndpointLimits {
  private readonly windows = { rpm: new RateWindow(), tpm: new RateWindow() };
  /** Null: this process has everything. */
  private shares: Record<Resource, number> | null = null;
  /** On its way to another process: in use until it is known where it is. */
  private readonly giving: Record<Resource, number> = { places: 0, rpm: 0, tpm: 0 };
  private isValid: () => boolean = () => true;
  private meanTokens = FIRST_GUESS_TOKENS;
  private shortAtMs = Number.NEGATIVE_INFINITY;
  /** When a call last began. */
  usedAtMs = Number.NEGATIVE_INFINITY;
  /** Called when more was wanted than there is. */
  onShort: () => void = () => undefined;
  /** Called when a call has ended. */
  onIdle: () => void = () => undefined;

  constructor(private readonly state: () => EndpointState) {}

  total(resource: Resource): number | null {
    return this.state()[resource];
  }

  /** What this process may use; Infinity without a limit. */
  share(resource: Resource): number {
    const total = this.total(resource);
    if (total === null) return Number.POSITIVE_INFINITY;
    if (this.shares === null) return total;
    return this.isValid() ? Math.max(0, Math.min(total, this.shares[resource]) - this.giving[resource]) : 0;
  }

  inUse(resource: Resource, nowMs: number): number {
    return resource === 'places' ? this.state().taken : this.windows[resource].held(nowMs);
  }

  /** For the others, should this process die; null where nothing of a minute is limited. */
  minuteUse(nowMs: number): { readonly rpm: Ages; readonly tpm: Ages } | null {
    const { rpm, tpm } = this.state();
    if (rpm === null && tpm === null) return null;
    const agesOf = (resource: 'rpm' | 'tpm') =>
      this.windows[resource].ages(AGE_STEP_MS, nowMs).map(Math.ceil);
    return { rpm: rpm === null ? [] : agesOf('rpm'), tpm: tpm === null ? [] : agesOf('tpm') };
  }

  idle(resource: Resource, nowMs: number): number {
    const share = this.share(resource);
    return Number.isFinite(share) ? Math.max(0, Math.floor(share - this.inUse(resource, nowMs))) : 0;
  }

  /** Calls that may begin now. */
  room(nowMs: number, tokens: number | null = null): number {
    const places = this.share('places') - this.state().taken;
    if (places <= 0) return 0;
    const { rpm, tpm } = this.state();
    if (rpm === null && tpm === null) return places;
    const requests =
      rpm === null ? places : Math.floor(this.windows.rpm.room(this.share('rpm'), nowMs) + 1e-9);
    return Math.max(0, Math.min(places, requests, tpm === null ? places : this.callsOfTokens(nowMs, tokens)));
  }

  /** When `room` may grow by time alone; null for never. */
  nextMs(nowMs: number): number | null {
    const { rpm, tpm } = this.state();
    const times = [
      ...(rpm === null ? [] : [this.windows.rpm.nextMs(1, this.share('rpm'), nowMs)]),
      ...(tpm === null ? [] : [this.windows.tpm.nextMs(this.guess(null), this.share('tpm'), nowMs)]),
    ].filter((time) => time > nowMs && Number.isFinite(time));
    return times.length === 0 ? null : Math.max(...times);
  }

  begin(nowMs: number, tokens: number | null): LimitUse {
    this.usedAtMs = nowMs;
    const { rpm, tpm } = this.state();
    const guessed = tpm === null ? 0 : this.guess(tokens);
    return {
      requestAtMs: rpm === null ? null : this.windows.rpm.use(1, this.share('rpm'), nowMs),
      tokensAtMs: tpm === null ? null : this.windows.tpm.use(guessed, this.share('tpm'), nowMs),
      tokens: guessed,
    };
  }

  /** The call was not taken: it cost nothing. */
  refund({ requestAtMs, tokensAtMs, tokens }: LimitUse): void {
    if (requestAtMs !== null) this.windows.rpm.correct(requestAtMs, -1);
    if (tokensAtMs !== null) this.windows.tpm.correct(tokensAtMs, -tokens);
  }

  /** How much it was in the end. */
  settle({ tokensAtMs, tokens }: LimitUse, actual: number): void {
    this.meanTokens += (actual - this.meanTokens) * NEWEST_PART;
    if (tokensAtMs !== null) this.windows.tpm.correct(tokensAtMs, actual - tokens);
  }

  /** Somebody asked for a call that these limits do not let begin. */
  noteShort(nowMs: number): void {
    this.shortAtMs = nowMs;
    this.onShort();
  }

  isShort(withinMs: number, nowMs: number): boolean {
    return nowMs - this.shortAtMs < withinMs;
  }

  /** Which of the limits keeps a call from beginning, and how much it lacks. */
  lacks(nowMs: number): { readonly resource: Resource; readonly units: number }[] {
    return RESOURCES.flatMap((resource) => {
      const total = this.total(resource);
      if (total === null || this.share(resource) >= total) return [];
      const units = resource === 'tpm' ? this.guess(null) : 1;
      const room =
        resource === 'places'
          ? this.idle(resource, nowMs)
          : this.windows[resource].room(this.share(resource), nowMs);
      return room < units ? [{ resource, units }] : [];
    });
  }

  apportion(shares: Record<Resource, number>, isValid: () => boolean): void {
    this.shares = shares;
    this.isValid = isValid;
  }

  /** Keeps units from being used while they are on their way. */
  setAside(resource: Resource, units: number): void {
    this.giving[resource] += units;
  }

  /** This process's part of the endpoint, 0 to 1, for what is shared out by no ledger. */
  get part(): number {
    const { places } = this.state();
    return places === 0 ? 1 : this.share('places') / places;
  }

  private callsOfTokens(nowMs: number, tokens: number | null): number {
    const share = this.share('tpm');
    const room = this.windows.tpm.room(share, nowMs);
    if (room <= 0) return 0;
    const each = this.guess(tokens);
    const held = this.windows.tpm.held(nowMs);
    // One larger than what may go at once goes as well, and those behind it wait for longer.
    const fits = held === 0 || held + each <= share;
    return Math.max(Math.floor(room / each), fits ? 1 : 0);
  }

  private guess(tokens: number | null): number {
    return Math.max(1, Math.round(tokens ?? this.meanTokens));
  }
}
