/** One model at one endpoint, as far as room is concerned. */
export interface DeploymentRoom {
  readonly endpoint: string;
  readonly model: string;
  readonly capabilities: readonly string[];
  /** False while it gets no calls: drained, unhealthy or cooling down. */
  readonly serves: boolean;
  /** Calls of this model under way. */
  readonly running: number;
}

export interface EndpointRoom {
  readonly endpoint: string;
  /** Over all its models and all workers. */
  readonly places: number;
  readonly taken: number;
}

export interface Room {
  /** Places of the endpoints that serve now. */
  readonly capacity: number;
  readonly in_use: number;
  /** Calls that may begin now. */
  readonly free: number;
}

export interface Resources {
  readonly total: Room;
  readonly models: readonly (Room & { readonly model: string; readonly endpoints: number })[];
  readonly capabilities: readonly (Room & {
    readonly capability: string;
    readonly models: readonly string[];
  })[];
}

/**
 * Capacity, use and free places. Models share the places of their endpoints, so the rooms of several models are not to be
 * added up: the total counts each endpoint once.
 */
export function resourcesOf(
  endpoints: readonly EndpointRoom[],
  deployments: readonly DeploymentRoom[],
): Resources {
  const models = unique(deployments.map(({ model }) => model));
  const capabilities = unique(deployments.flatMap((each) => each.capabilities)).sort();
  return {
    total: roomOf(endpoints, deployments),
    models: models.map((model) => {
      const own = deployments.filter((each) => each.model === model);
      return { model, endpoints: own.length, ...roomOf(endpoints, own) };
    }),
    capabilities: capabilities.map((capability) => {
      const own = deployments.filter((each) => each.capabilities.includes(capability));
      return { capability, models: unique(own.map(({ model }) => model)), ...roomOf(endpoints, own) };
    }),
  };
}

function roomOf(endpoints: readonly EndpointRoom[], deployments: readonly DeploymentRoom[]): Room {
  const serving = new Set(deployments.filter(({ serves }) => serves).map(({ endpoint }) => endpoint));
  const there = endpoints.filter(({ endpoint }) => serving.has(endpoint));
  return {
    capacity: sum(there.map(({ places }) => places)),
    in_use: sum(deployments.map(({ running }) => running)),
    free: sum(there.map(({ places, taken }) => Math.max(0, places - taken))),
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
