import type { Deployment, DeploymentName } from '../registry/deployment.js';
import type { EndpointRoster } from '../registry/endpoint-roster.js';
import type { Openings } from '../registry/openings.js';
import type { RegistryEntry } from '../registry/registry-entry.js';
import { observed, type RegistryEvents, type SignTold } from '../registry/registry-events.js';
import type { CallSign } from './call-sign.state.js';
import type { Doubt } from './doubt.policy.js';
import { peakAt } from './first-token.policy.js';
import type { CheckResult, HealthState } from './health.state.js';

export interface DoubtAt extends DeploymentName {
  readonly doubt: Doubt;
}

/** How a deployment stands, for people and metrics. */
export interface DeploymentStatus extends DeploymentName {
  readonly state: HealthState | 'draining';
  readonly reason: string;
  /** In milliseconds; 0 where it is not cooling down. */
  readonly coolsForMs: number;
  /** Calls per second that it is known to take; null for no limit. */
  readonly perSecond: number | null;
  /** The part of its usual calls that it gets, 0 to 1. */
  readonly share: number;
  /** Peak-EWMA of the time to the first piece; null where none was measured. */
  readonly firstTokenMs: number | null;
}

const OF_THE_CONNECTION: ReadonlySet<string> = new Set(['endpoint_unreachable', 'connect_timeout']);

/**
 * What this process knows of the health of all deployments: from its own calls, from other processes, and from checks.
 * What is not known here any more, or not yet, is passed over.
 */
export class EndpointWatches {
  constructor(
    private readonly roster: EndpointRoster,
    private readonly openings: Openings,
    private readonly events: RegistryEvents,
    private readonly nowMs: () => number,
  ) {}

  /** How each deployment stands. */
  statuses(): DeploymentStatus[] {
    const nowMs = this.nowMs();
    return this.roster.everyDeployment().map(({ entry: { state }, name, watch }) => ({
      ...name,
      state: state.phase === 'active' ? watch.health.state : 'draining',
      reason: watch.health.reason,
      coolsForMs: Math.max(0, (watch.coolDown?.untilMs ?? 0) - nowMs),
      perSecond: watch.rateNow(nowMs),
      share: watch.shareNow(nowMs),
      firstTokenMs: peakAt(watch.health.firstToken, nowMs),
    }));
  }

  /**
   * How long a deployment still takes no call, and how long ago the last one began that it answered; for one that is gone,
   * not at all and never.
   */
  opening(endpoint: string, model: string): { readonly closedForMs: number; readonly servedAgoMs: number } {
    const watch = this.roster.watchAt(endpoint, model);
    if (watch === undefined) return { closedForMs: 0, servedAgoMs: Infinity };
    const nowMs = this.nowMs();
    return { closedForMs: watch.closedForMs(nowMs), servedAgoMs: nowMs - watch.servedMs };
  }

  /** A sign of a call from here: for this process, and for the others where they should not wait for it. */
  told({ entry, name, watch }: Deployment, sign: CallSign, beganMs: number): void {
    const wasCalm = watch.isCalm && watch.health.failuresInRow === 0;
    if (wasCalm && sign.kind === 'answered') watch.keepUnsaid(sign.firstTokenMs);
    const ageMs = this.nowMs() - beganMs;
    this.fold(entry, name.model, sign, beganMs);
    if (wasCalm && (sign.kind === 'answered' || sign.kind === 'rejected')) return;
    this.events.emit('sign', { ...name, sign, ageMs });
  }

  /** Calls from here that went well and that the others were not told of yet, by endpoint and model. */
  takeUnsaid(): [endpoint: string, model: string, calls: number, firstTokenMs: number | null][] {
    return this.roster.everyDeployment().flatMap(({ name: { endpoint, model }, watch }) => {
      const { calls, firstTokenMs } = watch.takeUnsaid();
      return calls === 0 ? [] : [[endpoint, model, calls, firstTokenMs]];
    });
  }

  /** Signs of another process's calls. */
  hear({ endpoint, model, sign, ageMs }: SignTold): void {
    const entry = this.roster.find(endpoint);
    if (entry !== undefined) this.fold(entry, model, sign, this.nowMs() - ageMs);
  }

  /** Calls of another process that went well. */
  hearWell(endpoint: string, model: string, calls: number, firstTokenMs: number | null): void {
    this.roster.watchAt(endpoint, model)?.hearWell(calls, firstTokenMs, this.nowMs());
  }

  /** What a check of the endpoint's server has shown. */
  hearCheck(endpoint: string, result: CheckResult): void {
    const entry = this.roster.find(endpoint);
    const deployments = entry === undefined ? [] : this.roster.at(entry);
    const nowMs = this.nowMs();
    for (const deployment of deployments) {
      observed(this.events, deployment, () => deployment.watch.hearCheck(result, nowMs));
    }
    this.openings.afterTime(deployments, nowMs);
  }

  /** All that is not simply well. */
  doubts(): DoubtAt[] {
    const doubtful = this.roster.everyDeployment().filter(({ watch }) => watch.isInDoubt);
    return doubtful.map(({ name, watch }) => ({ ...name, doubt: watch.doubt }));
  }

  /** What the process that leads knows of all that is not simply well. */
  adopt(doubts: readonly DoubtAt[]): void {
    const nowMs = this.nowMs();
    const told = new Map(doubts.map((each) => [keyOf(each), each.doubt]));
    const about = this.roster
      .everyDeployment()
      .filter(({ name, watch }) => watch.isInDoubt || told.has(keyOf(name)));
    for (const deployment of about) {
      const doubt = told.get(keyOf(deployment.name)) ?? null;
      observed(this.events, deployment, () => deployment.watch.adopt(doubt, nowMs));
    }
    this.openings.afterTime(about, nowMs);
  }

  /** A try of anything has been due for so long, and nobody made it. */
  hasDueTry(forMs: number): boolean {
    const nowMs = this.nowMs();
    return this.roster.everyDeployment().some(({ watch }) => watch.hasDueTry(forMs, nowMs));
  }

  private fold(entry: RegistryEntry, model: string, sign: CallSign, beganMs: number): void {
    const nowMs = this.nowMs();
    const all = this.roster.at(entry);
    const about = concernsAll(sign) ? all : all.filter(({ name }) => name.model === model);
    let isOpen = false;
    for (const deployment of about) {
      observed(this.events, deployment, () => deployment.watch.hear(sign, beganMs, nowMs));
      isOpen ||= !deployment.watch.isCalm;
    }
    if (isOpen) this.openings.afterTime(about, nowMs);
  }
}

function keyOf({ endpoint, model }: DeploymentName): string {
  return `${endpoint}\n${model}`;
}

/** Where nobody listens, no model of the endpoint is served. */
function concernsAll(sign: CallSign): boolean {
  if (sign.kind === 'not_now') return sign.reason === 'refused_connection';
  return sign.kind === 'failed' && OF_THE_CONNECTION.has(sign.code);
}
