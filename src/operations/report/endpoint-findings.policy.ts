import { call, type Finding, guide } from './finding.policy.js';
import { type EndpointSignal, isKnown, type ModelSignal, type Signals } from './signals.policy.js';

const IN_FLOW = { question: 'flow' } as const;

/** Endpoints that take no calls, or fewer. */
export function endpointFindings({ endpoints }: Signals): Finding[] {
  if (!isKnown(endpoints)) return [];
  const all = endpoints.value;
  if (all.length === 0) {
    return [
      {
        ...{ ...IN_FLOW, code: 'no_endpoint', severity: 'critical', name: null },
        text: 'There is no endpoint, so that no message can start.',
        evidence: { endpoints: 0 },
        action: guide('registerEndpoint', 'Register an endpoint.'),
      },
    ];
  }
  return all.flatMap((endpoint) => (endpoint.drained ? drained(endpoint, all) : failing(endpoint, all)));
}

/** None is down or drained: a message that waits does not wait for one of these. */
export function allServe(all: readonly EndpointSignal[]): boolean {
  const isOff = ({ state }: ModelSignal) => state === 'unhealthy' || state === 'draining';
  return all.every(({ drained, models }) => !drained && !models.some(isOff));
}

/** One that said that it is busy, or over its rate. */
export function anyCools(all: readonly EndpointSignal[]): boolean {
  return all.some(({ models }) => models.some(({ coolsForSeconds }) => coolsForSeconds > 0));
}

/** One whose state is not known may serve: nobody is told that it does not. */
function mayServe({ state, coolsForSeconds }: ModelSignal): boolean {
  return coolsForSeconds === 0 && state !== 'unhealthy' && state !== 'draining';
}

/** Models of the endpoint that no other endpoint may serve. */
function servedNowhereElse(
  { name, models }: EndpointSignal,
  all: readonly EndpointSignal[],
  which: (model: ModelSignal) => boolean,
): string[] {
  const others = all.filter((other) => other.name !== name && !other.drained);
  const isServed = (model: string) =>
    others.some((other) => other.models.some((each) => each.model === model && mayServe(each)));
  return models.filter((each) => which(each) && !isServed(each.model)).map(({ model }) => model);
}

function drained(endpoint: EndpointSignal, all: readonly EndpointSignal[]): Finding[] {
  const unserved = servedNowhereElse(endpoint, all, () => true);
  const { name } = endpoint;
  if (unserved.length === 0) return [];
  return [
    {
      ...{ ...IN_FLOW, code: 'endpoint_drained', severity: 'warning', name },
      text: `The endpoint ${name} is drained, and no other serves ${unserved.join(', ')}.`,
      evidence: { endpoint: name, models: unserved },
      action: call(`POST /api/v1/endpoints/${encodeURIComponent(name)}/undrain`, 'Give it calls again.'),
    },
  ];
}

function failing(endpoint: EndpointSignal, all: readonly EndpointSignal[]): Finding[] {
  const { name, models } = endpoint;
  const down = models.filter(({ state }) => state === 'unhealthy');
  if (down.length === 0) return doubted(endpoint);
  const unserved = servedNowhereElse(endpoint, all, ({ state }) => state === 'unhealthy');
  return [
    {
      ...{ ...IN_FLOW, code: 'endpoint_down', severity: unserved.length > 0 ? 'critical' : 'warning', name },
      text:
        unserved.length > 0
          ? `The endpoint ${name} takes no calls, and no other serves ${unserved.join(', ')}.`
          : `The endpoint ${name} takes no calls; others serve its models.`,
      evidence: { endpoint: name, models: down.map(({ model }) => model), reason: down[0]!.reason },
      action: guide('endpoints', `Mend the server of ${name}, or drain it until it is back.`),
    },
  ];
}

function doubted({ name, models }: EndpointSignal): Finding[] {
  const doubtful = models.filter(({ state }) => state === 'degraded');
  if (doubtful.length === 0) return [];
  return [
    {
      ...{ ...IN_FLOW, code: 'endpoint_degraded', severity: 'note', name },
      text: `The endpoint ${name} is slow, or some of its calls fail.`,
      evidence: { endpoint: name, models: doubtful.map(({ model }) => model), reason: doubtful[0]!.reason },
      action: call(`GET /api/v1/endpoints/${encodeURIComponent(name)}/stats`, 'Read how its calls go.'),
    },
  ];
}
