import type { CallSign } from './call-sign.state.js';
import { type CoolDown, cooled, taken } from './cool-down.policy.js';
import { type Doubt, NO_DOUBT } from './doubt.policy.js';
import {
  type CheckResult,
  checked,
  type Health,
  heard,
  isProbeDue,
  later,
  nextStepMs,
  shareOf,
  UNTRIED,
  wentWell,
} from './health.state.js';
import {
  began,
  firstCalls,
  learned,
  NO_PACE,
  nextCallMs,
  nextFirstCallsMs,
  type Pace,
  rateAt,
  refused,
  took,
} from './pace.policy.js';

/** A call that was not refused within this time was taken, so that a long answer holds up no other call. */
const NOT_REFUSED_AFTER_MS = 1_000;
/** What is younger may not be known everywhere. */
const SETTLED_MS = 1_500;

/** This worker's part in what all workers may do with a deployment. */
export interface Part {
  /** Of its pace, 0 to 1. */
  readonly ofPace: number;
  /** Whether it is this worker's to try a deployment that is not known to serve. */
  readonly tries: boolean;
}

/**
 * One model at one endpoint as this process sees it: its health, its cool-down after a refusal, its pace, and the calls
 * under way from here. The rules are the policies'; this holds what they say. Left out: places, and whatever waits.
 */
export class DeploymentWatch {
  health: Health = UNTRIED;
  coolDown: CoolDown | null = null;
  pace: Pace = NO_PACE;
  /** Calls under way from this process. */
  underWay = 0;
  /** Calls that went well and that no other process has been told of, and the last time to a first piece among them. */
  private unsaid: { calls: number; firstTokenMs: number | null } = { calls: 0, firstTokenMs: null };
  private trying = 0;
  private triedAtMs = -Infinity;
  private firstMs: number | null = null;
  private takenSinceFirst = 0;
  /** When the last call began that was answered, as far as that was told of it alone. */
  servedMs = -Infinity;

  constructor(
    private readonly random: () => number,
    /** Whether its limits are to be found out carefully. */
    private readonly careful: boolean,
  ) {}

  /** The other processes should know it. */
  get isInDoubt(): boolean {
    const { health, coolDown, pace } = this;
    return (
      health.state !== 'healthy' || coolDown !== null || pace.learnAtMs !== null || pace.perSecond !== null
    );
  }

  /** Nothing about it needs time or care: the way of nearly every call. */
  get isCalm(): boolean {
    return (!this.careful || this.firstMs === Number.NEGATIVE_INFINITY) && !this.isInDoubt;
  }

  /** Calls that may begin here now, as far as it is not for places. */
  room(nowMs: number, { ofPace, tries }: Part): number {
    if (this.isCalm) return Infinity;
    this.learn(nowMs);
    const { health, coolDown, pace } = this;
    if (coolDown !== null && nowMs < coolDown.untilMs) return 0;
    if (health.state === 'unhealthy') {
      return tries && this.trying === 0 && isProbeDue(health, nowMs) ? 1 : 0;
    }
    if (this.isOnTrial) return tries && nowMs >= this.nextTryMs ? 1 : 0;
    if (rateAt(pace, nowMs) !== null) return ofPace > 0 && pace.nextAtMs <= nowMs ? 1 : 0;
    return Math.max(0, this.firstCallsNow(nowMs) - this.underWay);
  }

  /** The most calls under way from here, of so many places: fewer after it has come back. */
  placesNow(places: number, nowMs: number): number {
    if (this.health.backSinceMs === null || places === 0) return places;
    return Math.max(1, Math.ceil(places * shareOf(this.health, nowMs)));
  }

  shareNow(nowMs: number): number {
    return shareOf(this.health, nowMs);
  }

  /** Calls may go to it, now or as soon as a place is free or its pace allows. */
  serves(nowMs: number): boolean {
    if (this.wouldTry) return false;
    return this.coolDown === null || nowMs >= this.coolDown.untilMs;
  }

  /** The next call would try whether it serves again. */
  get wouldTry(): boolean {
    return this.health.state === 'unhealthy' || this.isOnTrial;
  }

  /** So long no call may begin, whatever places are free; 0 where nobody can tell. */
  closedForMs(nowMs: number): number {
    const { health, coolDown } = this;
    const untilMs = Math.max(coolDown?.untilMs ?? 0, health.probe?.dueAtMs ?? 0);
    return Math.max(0, untilMs - nowMs);
  }

  /** When `room` or `placesNow` may grow by time alone; null for never. */
  nextMs(nowMs: number): number | null {
    if (this.isCalm) return null;
    const { health, coolDown, pace } = this;
    const times = [nextStepMs(health, nowMs), pace.learnAtMs];
    if (coolDown !== null) times.push(coolDown.untilMs);
    if (this.isOnTrial && this.trying > 0) times.push(this.nextTryMs);
    if (rateAt(pace, nowMs) !== null) times.push(nextCallMs(pace, nowMs));
    if (this.careful) times.push(nextFirstCallsMs(this.firstMs, nowMs));
    const coming = times.filter((time) => time !== null && time > nowMs) as number[];
    return coming.length === 0 ? null : Math.min(...coming);
  }

  /** @returns whether the call tries if the deployment serves again */
  begin(nowMs: number, { ofPace }: Part): boolean {
    this.underWay += 1;
    if (this.isCalm) {
      this.pace = began(this.pace, nowMs, ofPace);
      return false;
    }
    this.firstMs ??= nowMs;
    const isTry = this.wouldTry;
    if (isTry) {
      this.trying += 1;
      this.triedAtMs = nowMs;
    }
    this.pace = began(this.pace, nowMs, ofPace);
    return isTry;
  }

  end(wasTry: boolean): void {
    this.underWay -= 1;
    if (wasTry) this.trying -= 1;
  }

  /** Of a call from here or from another process, which began when this clock said `beganMs`. */
  hear(sign: CallSign, beganMs: number, nowMs: number): void {
    this.health = heard(this.health, { sign, beganMs }, nowMs);
    if (sign.kind === 'not_now') {
      this.coolDown = cooled(this.coolDown, { ...sign, beganMs }, nowMs, this.random());
      if (sign.reason === 'rate_limited') this.pace = refused(this.pace, nowMs, this.coolDown.untilMs);
      return;
    }
    this.takenSinceFirst += 1;
    this.coolDown = taken(this.coolDown, beganMs);
    if (sign.kind !== 'answered') return;
    this.servedMs = Math.max(this.servedMs, beganMs);
    this.pace = took(this.pace, 1);
  }

  /** Calls of other processes that went well. */
  hearWell(calls: number, firstTokenMs: number | null, nowMs: number): void {
    this.health = wentWell(this.health, calls, firstTokenMs, nowMs);
    this.pace = took(this.pace, calls);
  }

  /** A check of the server. */
  hearCheck(result: CheckResult, nowMs: number): void {
    this.health = checked(this.health, result, nowMs, this.coolDown?.untilMs);
    // Somebody listens again, so the guess of how long nobody would is void.
    if (result === 'up' && this.coolDown?.reason === 'refused_connection') {
      this.coolDown = { ...this.coolDown, untilMs: Math.min(this.coolDown.untilMs, nowMs) };
    }
  }

  keepUnsaid(firstTokenMs: number | null): void {
    this.unsaid.calls += 1;
    if (firstTokenMs !== null) this.unsaid.firstTokenMs = firstTokenMs;
  }

  takeUnsaid(): { readonly calls: number; readonly firstTokenMs: number | null } {
    const taken = this.unsaid;
    if (taken.calls > 0) this.unsaid = { calls: 0, firstTokenMs: null };
    return taken;
  }

  rateNow(nowMs: number): number | null {
    return rateAt(this.pace, nowMs);
  }

  /** Time has passed. */
  settle(nowMs: number): void {
    if (this.careful && this.firstMs !== null && this.firstCallsNow(nowMs) === Infinity) {
      this.firstMs = -Infinity;
    }
    if (this.isCalm) return;
    this.learn(nowMs);
    this.health = later(this.health, nowMs);
    const { pace } = this;
    if (pace.perSecond !== null && rateAt(pace, nowMs) === null) this.pace = { ...pace, perSecond: null };
  }

  get doubt(): Doubt {
    return { health: this.health, coolDown: this.coolDown, pace: this.pace };
  }

  /** Takes over what the process that leads knows; null: it knows of nothing. */
  adopt(doubt: Doubt | null, nowMs: number): void {
    const { firstToken } = this.health;
    if (doubt === null) {
      // What was seen here a moment ago may not have reached it.
      if (
        nowMs - Math.max(this.health.sinceMs, this.coolDown?.sinceMs ?? 0, this.pace.learnedAtMs) <
        SETTLED_MS
      )
        return;
      this.health = { ...NO_DOUBT.health, firstToken, sinceMs: nowMs, reason: 'its calls go well' };
      this.coolDown = null;
      this.pace = { ...this.pace, perSecond: null, learnAtMs: null };
      return;
    }
    this.health = { ...doubt.health, firstToken };
    const longer =
      (this.coolDown?.untilMs ?? 0) > (doubt.coolDown?.untilMs ?? 0) &&
      nowMs - this.coolDown!.sinceMs < SETTLED_MS;
    if (!longer) this.coolDown = doubt.coolDown;
    this.pace = { ...doubt.pace, nextAtMs: Math.max(doubt.pace.nextAtMs, this.pace.nextAtMs) };
  }

  /** A try has been due for so long, and none was made. */
  hasDueTry(forMs: number, nowMs: number): boolean {
    if (!this.wouldTry || this.trying > 0) return false;
    if (this.coolDown !== null && nowMs < this.coolDown.untilMs + forMs) return false;
    return this.health.state !== 'unhealthy' || isProbeDue(this.health, nowMs - forMs);
  }

  /** Its last refusal was for no limit, and nothing was taken since. */
  private get isOnTrial(): boolean {
    return this.coolDown !== null && this.coolDown.reason !== 'rate_limited';
  }

  private get nextTryMs(): number {
    return this.trying === 0 ? -Infinity : this.triedAtMs + NOT_REFUSED_AFTER_MS;
  }

  private firstCallsNow(nowMs: number): number {
    if (!this.careful || this.firstMs === -Infinity) return Infinity;
    return firstCalls(this.firstMs, this.takenSinceFirst, nowMs);
  }

  private learn(nowMs: number): void {
    this.pace = learned(this.pace, this.underWay, nowMs);
  }
}
