import type { Candidate } from '../choice/strategy.policy.js';
import type { ModelOffer } from '../endpoint.state.js';
import type { DeploymentWatch, Part } from '../health/deployment-watch.js';
import { peakAt } from '../health/first-token.policy.js';
import type { Asked, PlaceWish } from './endpoint-lease.js';
import type { RegistryEntry } from './registry-entry.js';

export interface DeploymentName {
  readonly endpoint: string;
  readonly model: string;
}

const NOTHING: readonly string[] = [];

/** One model at one endpoint, and what may begin there now: for places, limits, health, cool-down and pace together. */
export class Deployment {
  readonly name: DeploymentName;

  constructor(
    readonly entry: RegistryEntry,
    readonly offer: ModelOffer,
    readonly watch: DeploymentWatch,
    /** Whether it is for this process to try what is not known to serve. */
    private readonly tries: () => boolean,
  ) {
    this.name = { endpoint: entry.state.name, model: offer.name };
  }

  /** Calls that may begin now. */
  room(nowMs: number, tokens: number | null = null): number {
    const { watch } = this;
    const { state, limits } = this.entry;
    const free = state.phase === 'active' ? limits.room(nowMs, tokens) : 0;
    if (free === 0 || watch.isCalm) return free;
    const rising = watch.placesNow(limits.share('places'), nowMs) - watch.underWay;
    return Math.max(0, Math.min(free, rising, watch.room(nowMs, this.part)));
  }

  /** This process's part in what all may do; alone it does everything. */
  get part(): Part {
    return { ofPace: this.entry.limits.part, tries: this.tries() };
  }

  /** It is not known to serve, and one call from here may try. */
  isToTry(nowMs: number): boolean {
    return this.watch.wouldTry && this.room(nowMs) > 0;
  }

  /** What of the request its endpoint has no words for. */
  lacks({ request, conversation }: Asked): readonly string[] {
    const { lacks } = this.entry.endpoint;
    if (lacks === undefined) return NOTHING;
    const deployment = { model: this.name.model, offer: this.offer };
    return lacks(conversation?.atHandFor(deployment) ?? request);
  }

  candidate(nowMs: number, { exclude, tokens = null }: CandidateWish = {}): Candidate {
    const { entry, watch } = this;
    const { name, taken, places, weight, group } = entry.state;
    const isWanted = exclude === undefined || !exclude.has(name);
    const firstTokenEwmaMs = peakAt(watch.health.firstToken, nowMs);
    const room = this.room(nowMs, tokens);
    // Load is told by the places that this process has; what is closed for other reasons looks full.
    const known = room > 0 ? Math.max(taken + room, Math.min(places, entry.limits.share('places'))) : taken;
    const { isCalm } = watch;
    return {
      name,
      taken,
      weight,
      group,
      firstTokenEwmaMs,
      places: isCalm ? known : taken + room,
      held: known,
      paced: !isCalm && watch.rateNow(nowMs) !== null,
      share: isCalm ? 1 : watch.shareNow(nowMs),
      healthy: isWanted && (isCalm || watch.serves(nowMs)),
    };
  }
}

interface CandidateWish {
  readonly exclude?: PlaceWish['exclude'] | undefined;
  readonly tokens?: number | null;
}
