import type { ReadDemand } from '../linger.js';

/** What readers in the process's main thread wait for, as the projector's thread hears of it. */
export class WantedPosition implements ReadDemand {
  private wanted = 0;
  private applied = 0;
  private tell: (sequence: number) => void = () => {};

  get waiting(): boolean {
    return this.wanted > this.applied;
  }

  onWaiting(listener: (sequence: number) => void): void {
    this.tell = listener;
  }

  heard(sequence: number): void {
    this.wanted = Math.max(this.wanted, sequence);
    if (this.waiting) this.tell(sequence);
  }

  reached(sequence: number): void {
    this.applied = sequence;
  }
}
