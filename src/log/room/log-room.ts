import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { Subject } from 'rxjs';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { NatsStore } from '../../platform/embedded/nats-store.js';
import { EVENT_LOG, LOGGER, NATS_STORE } from '../../platform/tokens.js';
import { LogFullError, LogUnavailableError } from '../event-log.errors.js';
import type { AppendStop } from '../jetstream/append-health.js';
import type { JetStreamEventLog } from '../jetstream/jetstream-event-log.js';
import { StoreReading, type StoreUse } from '../jetstream/store-reading.js';
import {
  isFull,
  type LogRoomState,
  type RestartView,
  type RoomRules,
  restartHelps,
  roomOf,
} from './log-room.policy.js';
import { adviceOn, reasonForClients } from './log-room.text.js';

export interface LogRoomChange {
  readonly from: LogRoomState['kind'];
  readonly to: LogRoomState['kind'];
  /** For operators. */
  readonly reason: string;
}

/** What the last look has seen, in bytes. */
export interface LogRoomReading {
  /** Of the disk of the embedded server; null for a NATS of one's own. */
  readonly freeBytes: number | null;
  /** Null until the broker has said. */
  readonly usedBytes: number | null;
  /** Null: the broker tells of no limit. */
  readonly limitBytes: number | null;
}

const LOOK_EVERY_MS = 1_000;
/** Where appends get no answer, one in this time is let through to find out whether that is over. */
const TRIAL_EVERY_MS = 1_000;

/**
 * Watches whether the log has room and stores: the disk of the embedded server, the limits that the broker tells of, and
 * what becomes of this process's appends.
 *
 * - Below the reserve new messages are refused, and everything else is stored.
 * - Where nothing is stored, every append is refused at once.
 * - An embedded server that met a full disk keeps the error for as long as it runs: it is started again when there is
 *   space.
 *
 * Left out: a limit of a NATS of one's own for the whole server, which no account is told of. Its refusal tells.
 */
@Injectable()
export class LogRoom implements OnModuleInit, OnApplicationShutdown {
  readonly changes = new Subject<LogRoomChange>();
  private current: LogRoomState = { kind: 'open' };
  private lastReading: LogRoomReading = { freeBytes: null, usedBytes: null, limitBytes: null };
  private readonly store: StoreReading;
  private readonly rules: RoomRules;
  private looking: Promise<void> | null = null;
  private lookAgain = false;
  private timer: NodeJS.Timeout | undefined;
  private restartedAt = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<JetStreamEventLog, 'health' | 'connection'>,
    @Inject(SERVICE_CONFIG) { nats }: Pick<ServiceConfig, 'nats'>,
    @Inject(NATS_STORE) private readonly disk: NatsStore | null,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.store = new StoreReading(log.connection, nats.replicas);
    this.rules = { reserveBytes: nats.reserve_bytes, giveUpAfterMs: nats.append_timeout_ms };
  }

  /** The first look comes before the process listens, so that nothing is accepted that there is no room for. */
  async onModuleInit(): Promise<void> {
    this.log.health.onNews(() => void this.look());
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    await this.look();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.log.health.onNews(() => undefined);
  }

  get state(): LogRoomState {
    return this.current;
  }

  get reading(): LogRoomReading {
    return this.lastReading;
  }

  /** For operators: one paragraph. */
  get advice(): string {
    return adviceOn(this.current, this.disk !== null);
  }

  /** Null where the log takes new messages. */
  refusal(): LogFullError | null {
    return isFull(this.current) ? new LogFullError(reasonForClients(this.current)) : null;
  }

  /** One look at a time. What happens meanwhile is looked at right after it. */
  private look(): Promise<void> {
    this.lookAgain = this.looking !== null;
    this.looking ??= this.lookOnce()
      .catch((error: Error) => this.logger.warn({ err: error }, 'the room of the log could not be looked at'))
      .finally(() => {
        this.looking = null;
        if (this.lookAgain) void this.look();
      });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const [freeBytes, metFullDisk, uses] = await Promise.all([
      this.disk?.freeBytes() ?? null,
      this.disk?.hasMetFullDisk() ?? false,
      this.store.read().catch(() => null),
    ]);
    // A broker that is slow to say has not lost what it had.
    const use = uses === null ? this.lastReading : tighter(uses, this.disk?.maxBytes ?? null);
    this.lastReading = { freeBytes, usedBytes: use.usedBytes, limitBytes: use.limitBytes };
    const view = { ...this.lastReading, trouble: this.log.health.trouble, metFullDisk };
    this.become(roomOf(view, this.current, this.rules));
    if (freeBytes !== null) this.restartIfItHelps({ freeBytes, metFullDisk, answers: uses !== null });
  }

  private become(state: LogRoomState): void {
    const { kind: from } = this.current;
    this.current = state;
    this.log.health.stopWith(this.stopIn(state));
    if (state.kind === from) return;
    const reason = this.advice;
    this.logger[state.kind === 'open' ? 'info' : 'warn']({ from, to: state.kind }, reason);
    this.changes.next({ from, to: state.kind, reason });
  }

  private stopIn(state: LogRoomState): AppendStop | null {
    if (state.kind === 'disk_full') {
      const reason = reasonForClients(state);
      // A server of one's own may have been repaired without a restart that this process saw.
      return {
        error: () => new LogFullError(reason),
        trialEveryMs: this.disk === null ? TRIAL_EVERY_MS : null,
      };
    }
    if (state.kind !== 'not_storing') return null;
    const { forMs, reason } = state;
    return {
      error: () => new LogUnavailableError('not_stored', Math.round(forMs), reason),
      trialEveryMs: TRIAL_EVERY_MS,
    };
  }

  private restartIfItHelps(seen: Pick<RestartView, 'freeBytes' | 'metFullDisk' | 'answers'>): void {
    const now = performance.now();
    const { disk, current: state } = this;
    const sinceRestartMs = now - this.restartedAt;
    const limitFollowsDisk = disk?.maxBytes === null;
    if (disk === null || !restartHelps({ ...seen, state, sinceRestartMs, limitFollowsDisk })) return;
    this.restartedAt = now;
    void disk
      .restart(
        seen.metFullDisk || state.kind === 'disk_full'
          ? 'it met a full disk, which has space again'
          : `it stores nothing (${state.kind})`,
      )
      .catch((error: Error) => {
        this.logger.error({ err: error }, 'the embedded NATS server could not be ended to start it again');
      });
  }
}

/** Of the two, the one with less room below its limit; the account is limited by the embedded server's own limit, too. */
function tighter([account, stream]: readonly [StoreUse, StoreUse], serverLimit: number | null): StoreUse {
  const limit = Math.min(
    account.limitBytes ?? Number.POSITIVE_INFINITY,
    serverLimit ?? Number.POSITIVE_INFINITY,
  );
  const whole = { ...account, limitBytes: Number.isFinite(limit) ? limit : null };
  const room = ({ usedBytes, limitBytes }: StoreUse) =>
    limitBytes === null ? Number.POSITIVE_INFINITY : limitBytes - usedBytes;
  return room(stream) < room(whole) ? stream : whole;
}
