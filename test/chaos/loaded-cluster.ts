import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterInfo, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import type { ClusterNetwork } from '../support/cluster-network.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import {
  type ClusterServer,
  startTestNatsCluster,
  type TestNatsCluster,
} from '../support/test-nats-cluster.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { brokenPromises } from './promises.js';
import { rounds, tell } from './rounds.js';
import { type SteadyLoad, startSteadyLoad } from './steady-load.js';
import { readLog } from './story.js';

/** Each takes more than a minute. */
export const ROUNDS = rounds(0) >= 20 ? 3 : 1;
/** A server stays away for longer than an election takes, which is up to nine seconds and can need another round. */
const AWAY_MS = 14_000;
/** Aimed at are 10 s, which the long rounds tell. An election can take them where the machine has much else to do. */
const ACCEPTS_AGAIN_WITHIN_MS = 120_000;
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);

/** A service under load on a cluster of three servers, with what each of them may do to it. */
export class LoadedCluster {
  private constructor(
    readonly servers: TestNatsCluster,
    private readonly postgres: TestPostgres,
    readonly service: RunningService,
    private readonly load: SteadyLoad,
  ) {}

  static async start(network?: ClusterNetwork<ClusterServer>): Promise<LoadedCluster> {
    const [servers, postgres] = await Promise.all([startTestNatsCluster(network), startTestPostgres()]);
    const { user, password } = servers.address('one');
    const urls = servers.names.map((name) => servers.address(name).url);
    const nats = { NATS_URL: urls.join(','), NATS_USER: user, NATS_PASSWORD: password, NATS_REPLICAS: '3' };
    try {
      const service = await startService({
        env: { ...nats, DATABASE_URL: postgres.url },
        config: { demo: { tokens_per_second: 400 } },
      });
      const load = startSteadyLoad(4, (index) => `Question ${index}: which server says so?`, 60);
      return new LoadedCluster(servers, postgres, service, load);
    } catch (error) {
      await Promise.all([servers.stop(), postgres.stop()]);
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.service.stop();
    await Promise.all([this.servers.stop(), this.postgres.stop()]);
  }

  /** Every server is away once in a round. Returns the longest pause in accepting of each time. */
  async eachServerAway(
    leave: (name: ClusterServer) => Promise<void> | void,
    comeBack: (name: ClusterServer) => Promise<void> | void,
  ): Promise<number[]> {
    const pauses: number[] = [];
    this.load.aimAt(this.service.baseUrl);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const name of this.servers.names) {
        await sleep(2_000);
        const pause = this.load.measurePause();
        await leave(name);
        await sleep(AWAY_MS / 2);
        await this.accepts();
        await sleep(AWAY_MS / 2);
        pauses.push(Math.round(pause()));
        await comeBack(name);
        await this.settled();
      }
    }
    await this.load.stop();
    return pauses;
  }

  async everythingHolds(pauses: readonly number[]): Promise<void> {
    const { accepted } = this.load;
    tell(`pauses in accepting: ${pauses.join(', ')} ms; ${accepted.size} messages accepted`);
    const addresses = { nats: this.servers.address('one'), databaseUrl: this.postgres.url };
    expect(accepted.size).toBeGreaterThan(100);
    expect(await brokenPromises(addresses, accepted, ANSWER)).toEqual([]);
    expect(await this.storedTwice()).toEqual([]);
  }

  /** Also while one is away. */
  private async accepts(): Promise<void> {
    const { accepted } = this.load;
    const before = accepted.size;
    await eventually(() => expect(accepted.size).toBeGreaterThan(before), {
      withinMs: ACCEPTS_AGAIN_WITHIN_MS,
    });
  }

  /** All copies are as far as the leader again: else the next one away would be one too many. */
  private async settled(): Promise<void> {
    await eventually(
      async () => {
        const response = await fetch(`${this.service.baseUrl}/health/ready`);
        const text = await response.text();
        if (response.status !== 200) throw new Error(text);
      },
      { withinMs: 180_000, everyMs: 250 },
    );
    await eventually(
      async () => {
        for (const { name, cluster: standing } of await this.standings()) {
          const behind = (standing?.replicas ?? []).filter(({ current, offline }) => !current || offline);
          expect({ name, leader: standing?.leader, behind }).toEqual({
            name,
            leader: expect.any(String),
            behind: [],
          });
        }
      },
      { withinMs: 240_000, everyMs: 500 },
    );
  }

  private async standings() {
    const { url, user, password } = this.servers.address('one');
    const connection = await connect({ servers: url, user, pass: password });
    try {
      const found: { readonly name: string; readonly cluster: ClusterInfo | undefined }[] = [];
      for await (const { config, cluster: standing } of (await jetstreamManager(connection)).streams.list())
        found.push({ name: config.name, cluster: standing });
      return found;
    } finally {
      await connection.close();
    }
  }

  /** Events that lie in the log more than once. */
  private async storedTwice(): Promise<string[]> {
    const seen = new Set<string>();
    const twice: string[] = [];
    const addresses = { nats: this.servers.address('one'), databaseUrl: this.postgres.url };
    for await (const { event } of readLog(addresses)) {
      if (seen.has(event.id)) twice.push(`${event.type} ${event.id} of ${event.subject}`);
      seen.add(event.id);
    }
    return twice;
  }
}
