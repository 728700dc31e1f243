import type { ConnectionWatch } from '../../broker/connection-watch.js';
import { LogOverloadedError } from '../event-log.errors.js';
import type { AppendPart } from './append-part.js';
import type { BatchWriter } from './batch-writer.js';
import { type FlightLimits, type GroupLimits, goAlone, groupSize, sendNow } from './group-size.policy.js';

/** The broker takes 1,000 messages in a batch, and 50 batches at once for a stream. */
const GROUP: GroupLimits = { maxMessages: 1_000, maxBytes: 4 * 1024 * 1024 };
/**
 * Measured with 256 messages in flight on a disk: second batches from 64 messages on cost a sixth of the throughput, since
 * the broker pays for each.
 */
const FLIGHT: FlightLimits = { maxBatches: 3, worthMessages: 256, worthBytes: 512 * 1024 };
/** Measured: an atomic batch costs the broker about 6 ms before anything is stored, an ordinary write 1 ms or less. */
const ALONE = 6;
const EXPIRY_CHECK_MS = 50;

/** Appends with keys of their own make batches of their own: a key that was seen before makes the broker refuse the batch. */
interface Kind {
  queue: AppendPart[];
  readonly flying: Set<readonly AppendPart[]>;
}

/**
 * Appends that arrive while a batch is on its way wait, and together form the next one. There is no timer in it: an
 * idle log writes at once, a busy one at the end of the event loop's turn, which gathers what one read of the sockets
 * brought.
 *
 * An append is in one of three places: in a queue (nothing of it left the process; when its time is over it is told
 * `not_stored`), in a batch on its way, or settled. While the connection is away queues only wait and expire.
 */
export class GroupCommit {
  private readonly plain: Kind = { queue: [], flying: new Set() };
  private readonly keyed: Kind = { queue: [], flying: new Set() };
  private readonly idleListeners: (() => void)[] = [];
  private waitingBytes = 0;
  private scheduled = false;
  private expiry: NodeJS.Timeout | undefined;
  private readonly stopWatching: () => void;

  constructor(
    private readonly writer: BatchWriter,
    private readonly state: ConnectionWatch,
    private readonly bufferBytes: number,
  ) {
    this.stopWatching = state.onUp(() => this.schedule());
  }

  /** @throws {LogOverloadedError} at once, where the appends under way hold all the memory they may */
  add(part: AppendPart): void {
    if (this.waitingBytes > 0 && this.waitingBytes + part.bytes > this.bufferBytes) {
      throw new LogOverloadedError(this.waitingBytes, this.bufferBytes);
    }
    this.waitingBytes += part.bytes;
    (part.keyed ? this.keyed : this.plain).queue.push(part);
    this.expiry ??= setInterval(() => this.expire(), EXPIRY_CHECK_MS);
    if (this.plain.flying.size + this.keyed.flying.size === 0) this.schedule(queueMicrotask);
    else this.schedule();
  }

  /** Resolves when every append so far is settled, which their time-outs and aborts bound. */
  async flushed(): Promise<void> {
    if (this.waitingBytes > 0) await new Promise<void>((resolve) => this.idleListeners.push(resolve));
  }

  close(): void {
    this.stopWatching();
    clearInterval(this.expiry);
  }

  private schedule(soon: (task: () => void) => void = setImmediate): void {
    if (this.scheduled) return;
    this.scheduled = true;
    soon(() => {
      this.scheduled = false;
      if (this.state.up) this.launchAll();
    });
  }

  /** The kind whose oldest append waits longer goes first, so that neither kind starves the other of places. */
  private launchAll(): void {
    const kinds = [this.plain, this.keyed].sort((a, b) => arrivalOf(a) - arrivalOf(b));
    for (const kind of kinds) while (this.mayLeave(kind)) this.launch(kind);
  }

  private mayLeave({ queue, flying }: Kind): boolean {
    const load = { batchesOfKind: flying.size, batches: this.plain.flying.size + this.keyed.flying.size };
    return sendNow({ ...load, ...waitingIn(queue) }, FLIGHT);
  }

  private launch(kind: Kind): void {
    const group = kind.queue.splice(0, groupSize(kind.queue, GROUP));
    const writes = goAlone(group, ALONE) ? group.map((part) => [part]) : [group];
    for (const parts of writes) this.send(kind, parts);
  }

  private send({ flying }: Kind, parts: readonly AppendPart[]): void {
    flying.add(parts);
    const written = this.writer.write(this.writer.newBatch(parts));
    void written
      .catch((error: Error) => {
        for (const part of parts) part.refused(error);
      })
      .finally(() => {
        flying.delete(parts);
        this.release(parts);
        this.schedule();
      });
  }

  private expire(): void {
    const now = performance.now();
    for (const kind of [this.plain, this.keyed]) {
      for (const parts of kind.flying) for (const part of parts) part.expire(now);
      for (const part of kind.queue) part.expire(now);
      const over = kind.queue.filter((part) => !part.waiting);
      if (over.length === 0) continue;
      kind.queue = kind.queue.filter((part) => part.waiting);
      this.release(over);
    }
  }

  private release(parts: readonly AppendPart[]): void {
    for (const part of parts) this.waitingBytes -= part.bytes;
    if (this.waitingBytes > 0) return;
    clearInterval(this.expiry);
    this.expiry = undefined;
    for (const listener of this.idleListeners.splice(0)) listener();
  }
}

function arrivalOf({ queue }: Kind): number {
  return queue[0]?.arrivedAt ?? Number.POSITIVE_INFINITY;
}

/** Counts no further than what decides. */
function waitingIn(queue: readonly AppendPart[]): { waitingMessages: number; waitingBytes: number } {
  let waitingMessages = 0;
  let waitingBytes = 0;
  for (const part of queue) {
    waitingMessages += part.messages.length;
    waitingBytes += part.bytes;
    if (waitingMessages >= FLIGHT.worthMessages || waitingBytes >= FLIGHT.worthBytes) break;
  }
  return { waitingMessages, waitingBytes };
}
