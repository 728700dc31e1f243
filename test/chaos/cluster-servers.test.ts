import { LoadedCluster, ROUNDS } from './loaded-cluster.js';

let cluster: LoadedCluster;

beforeEach(async () => {
  cluster = await LoadedCluster.start();
}, 240_000);
afterEach(() => cluster?.stop(), 300_000);

it(`keeps every promise while each server of a cluster is killed and returns under load, ${ROUNDS} times`, async () => {
  const { servers } = cluster;
  await cluster.everythingHolds(
    await cluster.eachServerAway(
      (name) => servers.kill(name),
      (name) => servers.start(name),
    ),
  );
}, 900_000);

it(`leaves a server that stands still for another one, and keeps every promise, ${ROUNDS} times`, async () => {
  const { servers } = cluster;
  const pauses = await cluster.eachServerAway(
    (name) => servers.freeze(name),
    (name) => servers.thaw(name),
  );
  expect(cluster.service.logs()).toContain('this NATS server does not answer');
  await cluster.everythingHolds(pauses);
}, 900_000);
