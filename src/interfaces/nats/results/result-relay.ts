import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { z } from 'zod';
import { CompareAndSetBucket, type Entry } from '../../../broker/compare-and-set-bucket.js';
import { isResultSubject } from '../../../broker/direct-subjects.policy.js';
import { ensureResultsBucket, RESULTS_BUCKET } from '../../../broker/intake-streams.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { ThrottledWarning } from '../../../platform/logging/throttled-warning.js';
import { EVENT_LOG, LOGGER, NATS } from '../../../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../../../projection/fold/projector.port.js';
import { ProjectionPosition } from '../../../projection/read/projection-position.js';
import { type EndedMessage, ResultReader } from '../../../projection/read/result-reader.js';
import { messageJson } from '../../rest/message.json.js';

const KEY = 'told';
const placeSchema = z.object({ up_to: z.number().int().nonnegative() });
type Place = z.infer<typeof placeSchema>;

const MOST_AT_ONCE = 200;
const FIRST_AT_ONCE = 8;
/** Beyond it fewer are read at once, and the broker is waited for. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Results within this time are looked up together. */
const TOGETHER_MS = 10;
const LOOK_ANYWAY_MS = 1_000;
const RETRY_MS = 1_000;
/** What the protocol adds to a payload. */
const OVERHEAD_BYTES = 1_024;

/**
 * Tells how messages of NATS publishers ended: each as REST would show it, on the subject that the message names, in the
 * order of their ends. It runs beside the active projector, whose tables say what has ended, and keeps its place in the
 * broker: what was not told before a crash is told after it, and some of it once more.
 */
@Injectable()
export class ResultRelay implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly bucket: CompareAndSetBucket<Place>;
  private readonly untold: ThrottledWarning;
  private readonly stopping = new AbortController();
  private work: Promise<void> = Promise.resolve();
  private wake: () => void = () => undefined;
  /** Null where another process may have told since. */
  private place: Entry<Place> | null = null;
  private lookedAt = -1;
  private atOnce = FIRST_AT_ONCE;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(PROJECTOR) private readonly projector: ProcessProjector,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'onMoved'>,
    @Inject(ResultReader) private readonly reader: ResultReader,
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'extent'>,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.untold = new ThrottledWarning(logger);
    const parse = (json: unknown) => placeSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, RESULTS_BUCKET, parse, config.nats.append_timeout_ms);
  }

  /** @throws {IncompatibleStreamError} {StreamSetupError} */
  async onApplicationBootstrap(): Promise<void> {
    await ensureResultsBucket(this.nats, this.config.nats.replicas);
    this.position.onMoved(() => this.wake());
    this.work = this.run();
  }

  /** Before the projector, which may be asked for its last results. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.work;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.moved(signal);
      if (!this.projector.health.active) this.forget();
      else if (this.isBehind) await this.tellAll(signal);
    }
  }

  private get isBehind(): boolean {
    return this.projector.health.endsToTell !== this.lookedAt;
  }

  private forget(): void {
    this.place = null;
    this.lookedAt = -1;
  }

  /** Resolves soon after the tables moved, and after a while anyway. */
  private async moved(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_ANYWAY_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (signal.aborted || (this.projector.health.active && this.isBehind)) this.wake();
    });
    await sleep(TOGETHER_MS, undefined, { signal }).catch(() => undefined);
  }

  private async tellAll(signal: AbortSignal): Promise<void> {
    try {
      for (let more = true; more && !signal.aborted; ) {
        const looked = this.projector.health.endsToTell;
        this.place ??= await this.known();
        const asked = this.atOnce;
        const ended = await this.reader.endedAfter(this.place.value.up_to, asked);
        more = ended.length === asked;
        if (ended.length > 0) await this.tell(ended);
        if (!more) this.lookedAt = looked;
      }
    } catch (error) {
      this.forget();
      this.untold.warn({ err: error }, 'results were not told to publishers; trying again');
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** A log that was put back from an older copy ends before what was told of the other one. */
  private async known(): Promise<Entry<Place>> {
    const kept = (await this.bucket.read(KEY)) ?? { value: { up_to: 0 }, revision: 0 };
    const { lastSequence: end } = await this.log.extent();
    return { ...kept, value: { up_to: Math.min(kept.value.up_to, end) } };
  }

  private async tell(ended: readonly EndedMessage[]): Promise<void> {
    let bytes = 0;
    let unflushed = 0;
    for (const one of ended) {
      if (!isResultSubject(one.resultTo)) continue;
      const payload = this.payloadOf(one);
      this.nats.publish(one.resultTo, payload);
      bytes += payload.length;
      unflushed += payload.length;
      if (unflushed < MOST_BYTES) continue;
      await this.nats.flush();
      unflushed = 0;
    }
    await this.nats.flush();
    this.atOnce =
      bytes > MOST_BYTES ? Math.max(1, this.atOnce >> 1) : Math.min(MOST_AT_ONCE, this.atOnce * 2);
    const value = { up_to: ended[ended.length - 1]!.terminalSequence };
    const revision = await this.bucket.write(KEY, value, this.place!.revision);
    // Another process is at it, too.
    this.place = revision === null ? null : { value, revision };
  }

  /** One that is too large for the broker is told without what it is about, to be read elsewhere. */
  private payloadOf({ view }: EndedMessage): Uint8Array {
    const whole = Buffer.from(JSON.stringify(messageJson(view)));
    const most = (this.nats.info?.max_payload ?? Number.POSITIVE_INFINITY) - OVERHEAD_BYTES;
    if (whole.length <= most) return whole;
    const { id, status, created_at, completed_at } = messageJson(view);
    return Buffer.from(JSON.stringify({ id, status, created_at, completed_at, result_too_large: true }));
  }
}
