import { jetstreamManager, StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { systemSources } from '../platform/clock.js';
import { isPassing, isStreamMissing, isWithoutPeers } from './api-codes.js';
import { type ClusterStanding, withoutMajority } from './majority.policy.js';
import { EVENTS_STREAM, type WantedStream, wantedStreams } from './streams.js';

/** The part of the client that is used here. */
interface Streams {
  info(
    name: string,
  ): Promise<{ readonly cluster?: ClusterStanding; readonly config: Pick<StreamConfig, 'num_replicas'> }>;
  update(name: string, settings: Pick<StreamConfig, 'num_replicas'>): Promise<unknown>;
  delete(name: string): Promise<boolean>;
  add(settings: WantedStream & { readonly first_seq: number }): Promise<unknown>;
}

const LOOK_EVERY_MS = 5_000;
/** An election takes a few seconds; after so many looks in a row without a leader there will be none. */
const LOOKS_WITHOUT_LEADER = 3;
const API_TIMEOUT_MS = 3_000;

/**
 * Makes the streams anew that are in the memory of a cluster and stay without a leader.
 *
 * A server that comes back with an empty memory does not count as a vote for another one (nats-server's pull request
 * 7038), so after the loss of a majority such a stream waits until every server is back, while all others go on. What is
 * in memory is what may be lost, and workers must not wait for it. Until there are servers for all copies it has one.
 */
export class MemoryStreams {
  private readonly looksWithoutLeader = new Map<string, number>();

  constructor(
    private readonly streams: Streams,
    private readonly replicas: number,
  ) {}

  /**
   * One look; to be repeated every few seconds.
   *
   * @returns the streams that were made anew
   * @throws what the broker said where it did not do it
   */
  async look(): Promise<string[]> {
    const made: string[] = [];
    if (!(await this.hasMajority())) {
      this.looksWithoutLeader.clear();
      return made;
    }
    for (const wanted of wantedStreams({ replicas: this.replicas, idempotencyTtlMs: 0 })) {
      if (wanted.storage !== StorageType.Memory) continue;
      const looks = (await this.isWithoutLeader(wanted.name))
        ? (this.looksWithoutLeader.get(wanted.name) ?? 0) + 1
        : 0;
      this.looksWithoutLeader.set(wanted.name, looks);
      if (looks < LOOKS_WITHOUT_LEADER) continue;
      await this.make(wanted);
      this.looksWithoutLeader.delete(wanted.name);
      made.push(wanted.name);
    }
    return made;
  }

  /** The log's copies are on the same servers: without a majority of them nothing can be made. */
  private async hasMajority(): Promise<boolean> {
    try {
      return withoutMajority((await this.streams.info(EVENTS_STREAM)).cluster) === null;
    } catch (error) {
      if (isPassing(error)) return false;
      throw error;
    }
  }

  /** Gives it the copies that it lacks. Where nobody leads a stream, some servers say so, and others that it is not available, or nothing. */
  private async isWithoutLeader(name: string): Promise<boolean> {
    try {
      const { cluster, config } = await this.streams.info(name);
      const isLed = cluster === undefined || (cluster.leader ?? '') !== '';
      if (isLed && config.num_replicas < this.replicas) await this.copy(name);
      return !isLed;
    } catch (error) {
      // Missing: deleted here, or by another process, which did not come to the making.
      if (isStreamMissing(error) || isPassing(error)) return true;
      throw error;
    }
  }

  /** Two processes that do this at once make it twice, which loses as little as once. */
  private async make(wanted: WantedStream): Promise<void> {
    await this.streams.delete(wanted.name).catch((error: unknown) => {
      if (!isStreamMissing(error)) throw error;
    });
    // Revisions only ever grow for those that remember one of before.
    const settings = { ...wanted, first_seq: systemSources.nowMs() };
    try {
      await this.streams.add(settings);
    } catch (error) {
      if (!isWithoutPeers(error)) throw error;
      await this.streams.add({ ...settings, num_replicas: 1 });
    }
  }

  /** Nothing happens while servers are still away. */
  private async copy(name: string): Promise<void> {
    try {
      await this.streams.update(name, { num_replicas: this.replicas });
    } catch (error) {
      if (!isWithoutPeers(error) && !isPassing(error)) throw error;
    }
  }
}

/** Looks every few seconds. Returns the way to stop. */
export function watchMemoryStreams(nats: NatsConnection, replicas: number, logger: Logger): () => void {
  let streams: Promise<MemoryStreams> | null = null;
  let isLooking = false;
  const look = async () => {
    // A single server's memory goes with the server, and its streams have a leader when it is back.
    if (isLooking || nats.isClosed() || nats.isDraining() || nats.info?.cluster === undefined) return;
    isLooking = true;
    try {
      streams ??= jetstreamManager(nats, { checkAPI: false, timeout: API_TIMEOUT_MS }).then(
        (manager) => new MemoryStreams(manager.streams as Streams, replicas),
      );
      for (const stream of await (await streams).look())
        logger.warn({ stream }, 'this stream in memory stayed without a leader; it was made anew, empty');
    } catch (err) {
      logger.debug({ err }, 'the streams in memory could not be looked at');
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
