import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { jsonLine } from '../../platform/json/json-line.js';
import type { Evidence } from '../../platform/security/caller-proof.js';
import { ClientRoom } from '../../submission/live/follower-queue.policy.js';
import type { HandshakenClient } from '../caller.guard.js';
import { CLOSINGS, type Closing, type Ending } from './closing.policy.js';
import { type Allowance, afterFrame, fullAllowance } from './frame-rate.policy.js';
import { type ErrorTold, errorFrame } from './server-frames.js';
import type { Watched } from './watch.policy.js';

export interface ClientLimits {
  readonly max_frames_per_second: number;
  readonly max_buffered_bytes: number;
  readonly max_waiting_bytes: number;
  readonly max_frame_bytes: number;
}

/** Frames of one client that are carried out at once; while there are so many, no more are read. */
const MAX_UNDER_WAY = 64;
/** Of a text in memory, at most. */
const BYTES_OF_UNIT = 2;
/** What a client may send before its key: that is one frame. */
const MAX_BYTES_BEFORE_KEY = 16 * 1024;
/** For a client that sends too much before its key to read why it is closed; nothing more is read from it. */
const FAREWELL_MS = 500;

/** What a client listens to; its name is the request that asked for it. */
export interface Subscription {
  /** Ends it without a word. */
  end(): void;
}

/** Whose WebSocket it is, once that is known. */
export interface Admission {
  /** Of the caller's key, among all. */
  readonly owner: string;
  readonly keyEndsAtMs: number;
}

/**
 * One WebSocket. What is sent to it waits in its socket, and no more of it than the limit: beyond that, whoever sends
 * waits until it is `ready`, and nothing more is read from it that would have to be answered.
 */
export class FrameClient implements HandshakenClient {
  readonly subscriptions = new Map<string, Subscription>();
  /** Of what it is subscribed to and can't be sent yet. */
  readonly room: ClientRoom;
  readonly handshake: { readonly headers: Evidence };
  /** Tells `close`, and `drain` when what waited for the client to read was read; to any number of listeners. */
  readonly events = new EventEmitter().setMaxListeners(0);
  admission: Admission | null = null;
  pingedAtMs = 0;
  private carryOut: (json: Buffer) => Promise<void> = async () => undefined;
  /** Called when the last thing that was under way for it is over. */
  onQuiet: () => void = () => undefined;
  /** Null while it is open and nobody has said why it should not be. */
  ending: Ending | null = null;
  private readonly openedAtMs: number;
  private heardAtMs: number;
  private framedAtMs: number;
  private fullSinceMs: number | null = null;
  private allowance: Allowance;
  private framesUnderWay = 0;
  private bytesUnderWay = 0;
  private held = false;
  /** Frames that had come when it was held: the protocol's reader gives all that it has. */
  private readonly waiting: Buffer[] = [];
  private readonly raw: Socket;

  constructor(
    private readonly socket: WebSocket,
    request: IncomingMessage,
    evidence: Evidence,
    private readonly limits: ClientLimits,
    private readonly steadyMs: () => number,
  ) {
    this.raw = request.socket;
    this.handshake = { headers: evidence };
    this.room = new ClientRoom(limits.max_waiting_bytes / BYTES_OF_UNIT);
    this.openedAtMs = this.heardAtMs = this.framedAtMs = steadyMs();
    this.allowance = fullAllowance(limits.max_frames_per_second, this.openedAtMs);
    socket.once('close', () => this.events.emit('close'));
    for (const event of ['ping', 'pong'] as const) socket.on(event, () => this.heard());
    // What a client does wrong by the protocol closes it with the protocol's own status.
    socket.on('error', () => this.endedBy('protocol_error'));
    this.boundWhatComesBeforeKey();
  }

  get open(): boolean {
    return this.ending === null && this.socket.readyState === this.socket.OPEN;
  }

  /** Bytes that wait to be read by the client. */
  get bufferedBytes(): number {
    return this.raw.writableLength;
  }

  /** Nothing is carried out for it, and it listens to nothing. */
  get quiet(): boolean {
    return this.framesUnderWay === 0 && this.waiting.length === 0 && this.subscriptions.size === 0;
  }

  get watched(): Watched {
    const { openedAtMs, heardAtMs, framedAtMs, pingedAtMs, fullSinceMs, held, admission } = this;
    return {
      ...{ openedAtMs, heardAtMs, framedAtMs, pingedAtMs, fullSinceMs, held },
      keyEndsAtMs: admission?.keyEndsAtMs ?? Number.POSITIVE_INFINITY,
      admitted: admission !== null,
      subscriptions: this.subscriptions.size,
    };
  }

  /** Each frame in turn, the next one without waiting for the one before to be carried out. */
  onFrame(carryOut: (json: Buffer) => Promise<void>): void {
    this.carryOut = carryOut;
    this.socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!this.open || !this.mayFrame()) return;
      if (isBinary) return this.close('not_text');
      this.heardAtMs = this.framedAtMs = this.steadyMs();
      this.waiting.push(data);
      this.carryOutWaiting();
    });
  }

  send(frame: object): void {
    if (!this.open) return;
    this.socket.send(jsonLine(frame));
    this.holdIfFull();
  }

  refuse(requestId: string | null, told: ErrorTold): void {
    this.send(errorFrame(requestId, told));
  }

  /**
   * Resolves when the client has read so much that more may be sent, or the signal aborts. Of those that wait, the first
   * one may fill it up again; the others then wait on.
   */
  async ready(signal: AbortSignal): Promise<void> {
    while (this.fullSinceMs !== null && !signal.aborted) {
      await once(this.events, 'drain', { signal }).catch(() => undefined);
    }
  }

  ping(): void {
    this.pingedAtMs = this.steadyMs();
    this.socket.ping();
  }

  /** Says why, behind all that was sent, and closes. */
  close(why: Closing, message: string = CLOSINGS[why].message): void {
    if (!this.open) return;
    this.refuse(null, { code: why, message });
    this.endedBy(why);
    this.socket.close(CLOSINGS[why].status, why);
    // The other side's closing frame is to be seen. One that does not read is not waited for: that ends by itself.
    if (why !== 'frame_too_large') return void this.socket.resume();
    this.socket.pause();
    setTimeout(() => this.socket.terminate(), FAREWELL_MS).unref();
  }

  /** Ends the connection at once, for a peer that is gone. */
  terminate(why: Ending): void {
    this.endedBy(why);
    this.socket.terminate();
  }

  onEnd(listener: () => void): void {
    this.events.once('close', listener);
  }

  private endedBy(why: Ending): void {
    this.ending ??= why;
  }

  private heard(): void {
    this.heardAtMs = this.steadyMs();
    // An answer to its ping was written: a client that pings and does not read is not read from either.
    if (this.open && this.mayFrame()) this.holdIfFull();
  }

  /** Counts one more frame; a client that sends too many is closed. */
  private mayFrame(): boolean {
    const now = this.steadyMs();
    const left = afterFrame(this.allowance, this.limits.max_frames_per_second, now);
    if (left === null) {
      this.close('too_many_frames');
      return false;
    }
    this.allowance = left;
    return true;
  }

  private carryOutWaiting(): void {
    if (!this.open) this.waiting.length = 0;
    while (!this.mustHold && this.waiting.length > 0) {
      const json = this.waiting.shift()!;
      this.framesUnderWay += 1;
      this.bytesUnderWay += json.length;
      void this.carryOut(json).finally(() => this.settle(json.length));
    }
    this.holdOrRead();
  }

  private settle(bytes: number): void {
    this.framesUnderWay -= 1;
    this.bytesUnderWay -= bytes;
    this.carryOutWaiting();
    if (this.quiet) this.onQuiet();
  }

  private holdIfFull(): void {
    if (this.fullSinceMs !== null || this.bufferedBytes < this.limits.max_buffered_bytes) return;
    this.fullSinceMs = this.steadyMs();
    // It is above what the socket holds before it says so (the setting's least value): its drain is told.
    this.raw.once('drain', () => {
      this.fullSinceMs = null;
      this.carryOutWaiting();
      this.events.emit('drain');
    });
    this.holdOrRead();
  }

  private get mustHold(): boolean {
    return (
      this.fullSinceMs !== null ||
      this.framesUnderWay >= MAX_UNDER_WAY ||
      this.bytesUnderWay > this.limits.max_frame_bytes
    );
  }

  private holdOrRead(): void {
    const held = this.mustHold;
    if (held === this.held || this.ending !== null) return;
    this.held = held;
    if (held) this.socket.pause();
    else this.socket.resume();
    // What it sent meanwhile is read from now on.
    if (!held) this.heardAtMs = this.steadyMs();
  }

  private boundWhatComesBeforeKey(): void {
    let bytes = 0;
    const count = (chunk: Buffer) => {
      if (this.admission !== null) return void this.raw.off('data', count);
      bytes += chunk.length;
      if (bytes > MAX_BYTES_BEFORE_KEY) this.close('frame_too_large');
    };
    this.raw.on('data', count);
  }
}
