import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import type { LaneDelivery, LaneView, ModelQueue } from '../lane.port.js';
import type { RouteFeed } from './route-feed.js';

/** The feeds of a route, one for each lane. */
export type RouteFeeds = Readonly<Record<Lane, RouteFeed>>;

/** The queue of a model from the feeds of its routes: its own, and the default's where it is the default model. */
export class RouteQueue implements ModelQueue {
  constructor(
    readonly model: string,
    private readonly routes: readonly RouteFeeds[],
  ) {}

  view(lane: Lane): LaneView {
    const first = this.routes[0]![lane].view;
    const second = this.routes[1]?.[lane].view;
    if (second === undefined || second === first) return first;
    const ready = first.ready + second.ready;
    return {
      ready,
      supposed: first.supposed || second.supposed,
      // What is ready of one may lie behind what the other is asked for.
      undecided: first.undecided || second.undecided,
      unanswered: first.unanswered || second.unanswered,
      awaited: first.awaited && second.awaited,
    };
  }

  head(lane: Lane): number | null {
    return this.first(lane)?.head?.sequence ?? null;
  }

  take(lane: Lane): LaneDelivery | undefined {
    return this.first(lane)?.take();
  }

  want(lane: Lane, count: number): void {
    for (const feeds of this.routes) feeds[lane].want(count);
  }

  putBackAfter(ms: number): number | null {
    let soonest: number | null = null;
    for (const feeds of this.routes) {
      for (const lane of LANES) {
        const left = feeds[lane].putBackAfter(ms);
        if (left !== null) soonest = Math.min(left, soonest ?? left);
      }
    }
    return soonest;
  }

  private first(lane: Lane): RouteFeed | undefined {
    let first: RouteFeed | undefined;
    for (const { [lane]: feed } of this.routes) {
      const head = feed.head?.streamSequence;
      if (head !== undefined && head < (first?.head?.streamSequence ?? Number.POSITIVE_INFINITY))
        first = feed;
    }
    return first;
  }
}
