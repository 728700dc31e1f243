import {
  type JetStreamAccountStats,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { EVENTS_STREAM } from '../../broker/streams.js';

/** How full something is that the broker limits, in bytes. */
export interface StoreUse {
  readonly usedBytes: number;
  /** Null where the broker tells of no limit. */
  readonly limitBytes: number | null;
}

/** Short, since whoever asks tells within three seconds that appends get no answer, of which two are over by then. */
const TIMEOUT_MS = 800;

/**
 * The file storage of the account, and the stream of the log in it: the broker refuses events when either is full.
 * A server-wide `max_file_store` is told to nobody but the system account.
 */
export class StoreReading {
  private manager: Promise<JetStreamManager> | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly replicas: number,
  ) {}

  /** @throws {Error} when the broker does not say */
  async read(): Promise<readonly [account: StoreUse, stream: StoreUse]> {
    this.manager ??= jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    const manager = await this.manager;
    const [account, stream] = await Promise.all([
      manager.getAccountInfo(),
      manager.streams.info(EVENTS_STREAM),
    ]);
    return [accountUse(account, this.replicas), streamUse(stream)];
  }
}

/** An account may have limits of its own for each number of replicas. */
function accountUse(account: JetStreamAccountStats, replicas: number): StoreUse {
  const { storage, limits } = account.tiers?.[`R${replicas}`] ?? account;
  return { usedBytes: storage, limitBytes: limitOf(limits.max_storage) };
}

function streamUse({ state, config }: StreamInfo): StoreUse {
  return { usedBytes: state.bytes, limitBytes: limitOf(config.max_bytes) };
}

/** -1 and 0 both stand for none. */
function limitOf(bytes: number): number | null {
  return bytes > 0 ? bytes : null;
}
