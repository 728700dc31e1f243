import type { LaneLag } from '../../dispatch/lanes/jetstream/lane-lag.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import { DEFAULT_ROUTE, routeOf } from '../../log/subjects.js';

type Lags = ReadonlyMap<Lane, LaneLag>;

/** Over all lanes: how fast the model's places become free, in messages per second; null where unknown. */
export function drainRateOf(model: string, defaultModel: string, lags: Lags): number | null {
  const routes = routesOf(model, defaultModel);
  const rates = [...lags.values()].flatMap((lag) =>
    routes.map((route) => lag.routes.get(route)?.drainRate ?? null),
  );
  const known = rates.filter((rate) => rate !== null);
  return known.length === 0 ? null : known.reduce((sum, rate) => sum + rate, 0);
}

/** How many messages of the model wait in these lanes, by the broker's count. */
export function waitingIn(lanes: readonly Lane[], model: string, defaultModel: string, lags: Lags): number {
  const routes = routesOf(model, defaultModel);
  let waiting = 0;
  for (const lane of lanes)
    for (const route of routes) waiting += lags.get(lane)?.routes.get(route)?.waiting ?? 0;
  return waiting;
}

function routesOf(model: string, defaultModel: string): string[] {
  return [routeOf(model), ...(model === defaultModel ? [DEFAULT_ROUTE] : [])];
}
