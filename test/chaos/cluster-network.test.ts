import {
  type ClusterNetwork,
  type Cut,
  openClusterNetwork,
  whyNoNetworks,
} from '../support/cluster-network.js';
import { CLUSTER_SERVERS, type ClusterServer } from '../support/test-nats-cluster.js';
import { LoadedCluster, ROUNDS } from './loaded-cluster.js';

const missing = whyNoNetworks();
if (missing !== null) process.stderr.write(`No networks of their own for these tests: ${missing}\n`);

(missing === null ? describe : describe.skip).each<[string, Cut]>([
  ['from everything', 'everything'],
  ['from the other servers, but not from the service', 'routes'],
])('each server of a cluster cut off %s', (_, cut) => {
  let network: ClusterNetwork<ClusterServer> | undefined;
  let cluster: LoadedCluster | undefined;

  beforeEach(async () => {
    network = openClusterNetwork(CLUSTER_SERVERS);
    cluster = await LoadedCluster.start(network);
  }, 240_000);
  afterEach(async () => {
    try {
      await cluster?.stop();
    } finally {
      await network?.close();
      cluster = undefined;
      network = undefined;
    }
  }, 300_000);

  it(`and returned under load, ${ROUNDS} times, breaks no promise`, async () => {
    const pauses = await cluster!.eachServerAway(
      (name) => network!.cut(name, cut),
      (name) => network!.mend(name),
    );
    await cluster!.everythingHolds(pauses);
  }, 900_000);
});
