import { type DeploymentRoom, resourcesOf } from './resources.policy.js';

const deployment = (endpoint: string, model: string, more: Partial<DeploymentRoom> = {}): DeploymentRoom => ({
  ...{ endpoint, model, capabilities: [], serves: true, running: 0, ...more },
});
const endpoints = [
  { endpoint: 'a', places: 4, taken: 3 },
  { endpoint: 'b', places: 10, taken: 2 },
];

describe('resources', () => {
  it('are told by model and capability, and in all with each endpoint once', () => {
    const resources = resourcesOf(endpoints, [
      deployment('a', 'small', { running: 1 }),
      deployment('a', 'seeing', { running: 2, capabilities: ['vision', 'tools'] }),
      deployment('b', 'small', { running: 2 }),
    ]);
    expect(resources.total).toEqual({ capacity: 14, in_use: 5, free: 9 });
    expect(resources.models).toEqual([
      { model: 'small', endpoints: 2, capacity: 14, in_use: 3, free: 9 },
      { model: 'seeing', endpoints: 1, capacity: 4, in_use: 2, free: 1 },
    ]);
    expect(resources.capabilities).toEqual([
      { capability: 'tools', models: ['seeing'], capacity: 4, in_use: 2, free: 1 },
      { capability: 'vision', models: ['seeing'], capacity: 4, in_use: 2, free: 1 },
    ]);
  });

  it('leave out what gets no calls, but not the calls that still run there', () => {
    const drained = resourcesOf(endpoints, [
      deployment('a', 'small', { serves: false, running: 3 }),
      deployment('b', 'small', { running: 2 }),
    ]);
    expect(drained.total).toEqual({ capacity: 10, in_use: 5, free: 8 });
    const full = resourcesOf(
      [{ endpoint: 'a', places: 2, taken: 5 }],
      [deployment('a', 'small', { running: 5 })],
    );
    expect(full.total).toEqual({ capacity: 2, in_use: 5, free: 0 });
  });
});
