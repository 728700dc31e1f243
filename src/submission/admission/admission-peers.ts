import type { Lane } from '../../domain/message/message.events.js';
import { type PerLane, perLaneOf } from '../../domain/message/per-lane.js';
import type { AdmissionNote } from './admission-note.js';

/** A change is told so soon, with those that follow it meanwhile: within an interval of `LaneAdmission`. */
const TELL_WITHIN_MS = 20;
const BEAT_EVERY_MS = 1_000;
/** Three missed beats. */
const FORGOTTEN_AFTER_MS = 3_500;

export interface AdmissionChannel {
  announce(note: AdmissionNote): void;
  announceLeft(process: string): void;
  listen(listener: { heard(note: AdmissionNote): void; left(process: string): void }): () => void;
}

interface Peer {
  readonly note: AdmissionNote;
  readonly atMs: number;
  /** What had arrived of it when the broker was last asked. */
  readonly counted: PerLane;
}

/** The other processes that put messages into the lanes, by what they tell; and this one, as it tells them. */
export class AdmissionPeers {
  private readonly peers = new Map<string, Peer>();
  private own: Omit<AdmissionNote, 'process'> = {
    arrived: perLaneOf(() => 0),
    on_their_way: perLaneOf(() => 0),
  };
  private telling: NodeJS.Timeout | null = null;
  private beating: NodeJS.Timeout | null = null;
  private endListening: (() => void) | null = null;

  constructor(
    private readonly process: string,
    private readonly channel: AdmissionChannel,
    private readonly nowMs: () => number,
  ) {}

  start(): void {
    this.endListening = this.channel.listen(this);
    this.announce();
    this.beating = setInterval(() => this.announce(), BEAT_EVERY_MS);
    this.beating.unref();
  }

  stop(): void {
    if (this.endListening === null) return;
    this.endListening();
    this.endListening = null;
    if (this.beating !== null) clearInterval(this.beating);
    if (this.telling !== null) clearTimeout(this.telling);
    this.channel.announceLeft(this.process);
  }

  /** Those that are alive, this one included. */
  get processes(): number {
    const oldest = this.nowMs() - FORGOTTEN_AFTER_MS;
    for (const [process, { atMs }] of this.peers) if (atMs < oldest) this.peers.delete(process);
    return this.peers.size + 1;
  }

  /** What the others put into a lane that the reading of the broker does not tell, or are putting there. */
  notCounted(lane: Lane): number {
    let sum = 0;
    for (const { note, counted } of this.peers.values()) {
      sum += note.arrived[lane] - counted[lane] + note.on_their_way[lane];
    }
    return sum;
  }

  /** To be called just before the broker is asked. */
  asked(): void {
    for (const [process, peer] of this.peers) {
      this.peers.set(process, { ...peer, counted: peer.note.arrived });
    }
  }

  /** The others hear of it soon. */
  changed(arrived: PerLane, onTheirWay: PerLane): void {
    this.own = { arrived, on_their_way: onTheirWay };
    if (this.endListening === null) return;
    this.telling ??= setTimeout(() => this.announce(), TELL_WITHIN_MS);
  }

  heard(note: AdmissionNote): void {
    if (note.process === this.process) return;
    const known = this.peers.get(note.process);
    this.peers.set(note.process, { note, atMs: this.nowMs(), counted: known?.counted ?? note.arrived });
    // It may not have heard of this one either.
    if (known === undefined) this.announce();
  }

  left(process: string): void {
    this.peers.delete(process);
  }

  private announce(): void {
    if (this.telling !== null) clearTimeout(this.telling);
    this.telling = null;
    this.channel.announce({ process: this.process, ...this.own });
  }
}
