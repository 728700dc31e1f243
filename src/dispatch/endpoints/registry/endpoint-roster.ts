import { type ChoiceState, NOTHING_CHOSEN } from '../choice/strategy.policy.js';
import type { EndpointChange, EndpointSettings } from '../endpoint.state.js';
import type { DeploymentWatch } from '../health/deployment-watch.js';
import type { ModelEndpoint } from '../model-endpoint.port.js';
import { Deployment } from './deployment.js';
import { RegistryEntry } from './registry-entry.js';
import { EndpointNameTakenError, NoEndpointError, UnknownEndpointError } from './registry-errors.js';

/** Who serves a model. */
export interface Deployments {
  readonly all: readonly Deployment[];
  /** Those that are not drained. */
  readonly active: readonly Deployment[];
  /** Some have no words for what others have: who gets a call depends on what is asked. */
  readonly differ: boolean;
  choice: ChoiceState;
}

export interface RosterOptions {
  readonly makeWatch: () => DeploymentWatch;
  /** Whether it is for this process to try what is not known to serve. */
  readonly tries: () => boolean;
}

const NOBODY: readonly Deployment[] = [];

/** The endpoints that there are, by name, and who of them serves which model. */
export class EndpointRoster {
  private readonly entries = new Map<string, RegistryEntry>();
  private byModel = new Map<string, Deployments>();
  private byEntry = new Map<RegistryEntry, readonly Deployment[]>();
  private firstModel: string;

  /** @throws {NoEndpointError} without any model to serve */
  constructor(
    endpoints: readonly ModelEndpoint[],
    settingsOf: (name: string) => Partial<EndpointSettings> | undefined,
    private readonly options: RosterOptions,
  ) {
    const first = endpoints[0]?.models[0];
    if (first === undefined) throw new NoEndpointError();
    this.firstModel = first;
    for (const endpoint of endpoints) this.enter(endpoint, settingsOf(endpoint.name));
    this.regroup();
  }

  /** The first model of the first endpoint. */
  get defaultModel(): string {
    return this.firstModel;
  }

  /** In the order of registration, each model once. */
  models(): Iterable<[string, Deployments]> {
    return this.byModel;
  }

  of(model: string): Deployments | undefined {
    return this.byModel.get(model);
  }

  /** Of the models that it serves now. */
  at(entry: RegistryEntry): readonly Deployment[] {
    return this.byEntry.get(entry) ?? NOBODY;
  }

  everyDeployment(): Deployment[] {
    return [...this.byModel.values()].flatMap(({ all }) => [...all]);
  }

  /** In the order of registration. */
  all(): Iterable<RegistryEntry> {
    return this.entries.values();
  }

  find(name: string): RegistryEntry | undefined {
    return this.entries.get(name);
  }

  watchAt(name: string, model: string): DeploymentWatch | undefined {
    return this.entries.get(name)?.watchOf(model);
  }

  /** @throws {EndpointNameTakenError} */
  add(endpoint: ModelEndpoint, settings: Partial<EndpointSettings>): RegistryEntry {
    const entry = this.enter(endpoint, settings);
    this.regroup();
    return entry;
  }

  /** @throws {UnknownEndpointError} */
  change(name: string, change: EndpointChange): RegistryEntry {
    const entry = this.known(name);
    entry.change(change);
    this.regroup();
    return entry;
  }

  /** @throws {UnknownEndpointError} */
  replace(name: string, endpoint: ModelEndpoint, settings: Partial<EndpointSettings>): RegistryEntry {
    this.known(name).moveTo(endpoint);
    return this.change(name, { kind: 'settings', settings });
  }

  forgetIfGone(entry: RegistryEntry): void {
    if (!entry.isGone) return;
    this.entries.delete(entry.state.name);
    entry.tellGone();
  }

  private enter(endpoint: ModelEndpoint, settings: Partial<EndpointSettings> = {}): RegistryEntry {
    const { name } = endpoint;
    if (this.entries.has(name)) throw new EndpointNameTakenError(name);
    const entry = new RegistryEntry(endpoint, settings);
    this.entries.set(name, entry);
    return entry;
  }

  private known(name: string): RegistryEntry {
    const entry = this.entries.get(name);
    if (entry === undefined || entry.state.phase === 'removing') throw new UnknownEndpointError(name);
    return entry;
  }

  /** Changes are few and choices many, so who serves which model is worked out here. */
  private regroup(): void {
    const serving = new Map<string, Deployment[]>();
    this.byEntry = new Map();
    for (const entry of this.entries.values()) {
      const deployments = entry.state.phase === 'removing' ? NOBODY : this.deploymentsOf(entry);
      this.byEntry.set(entry, deployments);
      for (const deployment of deployments) {
        const model = deployment.offer.name;
        serving.set(model, [...(serving.get(model) ?? []), deployment]);
      }
    }
    const before = this.byModel;
    this.byModel = new Map(
      [...serving].map(([model, all]) => {
        const active = all.filter(({ entry }) => entry.state.phase === 'active');
        const turn = before.get(model)?.choice.turn ?? 0;
        return [model, { all, active, differ: differInWords(all), choice: { ...NOTHING_CHOSEN, turn } }];
      }),
    );
    // Without any endpoint the last default stays: messages without a model must still be named one.
    this.firstModel = this.byModel.keys().next().value ?? this.firstModel;
  }

  private deploymentsOf(entry: RegistryEntry): Deployment[] {
    const offers = new Map(entry.state.models.map((each) => [each.name, each]));
    const { makeWatch, tries } = this.options;
    return [...offers].map(
      ([model, offer]) => new Deployment(entry, offer, entry.watchFor(model, makeWatch), tries),
    );
  }
}

function differInWords(deployments: readonly Deployment[]): boolean {
  const speechless = deployments.filter(({ entry }) => entry.endpoint.lacks !== undefined).length;
  return speechless > 0 && speechless < deployments.length;
}
