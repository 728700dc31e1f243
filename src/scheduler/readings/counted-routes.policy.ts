/** What the broker tells of one route of a lane. */
export interface ToldRoute {
  readonly waiting: number;
  readonly delivered: number;
  readonly arrived: number;
  /** Null where the route has none, or it does not answer. */
  readonly consumer: RouteConsumer | null;
}

interface RouteConsumer {
  readonly redelivered: number;
  readonly next: number;
}

/** A route whose figures are true. */
export interface CountedRoute extends ToldRoute {
  readonly consumer: RouteConsumer;
}

/** Where nothing was delivered, the first record of all is the next. */
const UNTOUCHED: RouteConsumer = { redelivered: 0, next: 1 };
const NOTHING_CAME: ToldRoute = { waiting: 0, delivered: 0, arrived: 0, consumer: null };

/**
 * The routes of a lane as they can be counted; null where a consumer is missing that must have been there: then nobody knows
 * how much of what came is left.
 *
 * The first worker that serves a model makes its consumers. Until then all that came waits, and the log tells how much that
 * is. It must be known, or the first message of a model would wait for a worker that nobody starts.
 *
 * @param told by route; undefined where nothing ever came and there is no consumer
 * @param isServed whether a worker serves the model, or did since this process counts
 */
export function countedRoutes(
  told: readonly (ToldRoute | undefined)[],
  isServed: boolean,
): readonly CountedRoute[] | null {
  const counted = told.map((route) => {
    const { consumer, ...figures } = route ?? NOTHING_CAME;
    return { ...figures, consumer: consumer ?? (isServed ? null : UNTOUCHED) };
  });
  return counted.every(hasConsumer) ? counted : null;
}

function hasConsumer(route: ToldRoute): route is CountedRoute {
  return route.consumer !== null;
}
