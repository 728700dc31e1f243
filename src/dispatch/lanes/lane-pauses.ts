import { Inject, Injectable } from '@nestjs/common';
import type { Lane } from '../../domain/message/lane.policy.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';

/** Who paused a lane, since when (ISO 8601), and why. */
export interface Pause {
  readonly since: string;
  readonly by: string;
  readonly reason: string;
}

/** A lane that was paused or resumed, and where the log has it. */
export interface PauseChange {
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly paused: boolean;
}

/** Of each lane; older ones matter only to messages that wait very long. */
const KEPT_CHANGES = 1_000;

/** What a worker needs to know of paused lanes. */
export interface PausedLanes {
  isPaused(lane: Lane): boolean;
  /** Calls the listener after each change. Returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}

/**
 * The lanes that admins paused, folded from the log: the same in every process a moment after the change, and after
 * every restart. A paused lane still takes messages in; workers take none out of it, and calls under way go on.
 */
@Injectable()
export class LanePauses implements PausedLanes {
  private readonly pauses = new Map<Lane, Pause>();
  private readonly changes = new Map<Lane, PauseChange[]>();
  private readonly listeners = new Set<() => void>();

  constructor(@Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>) {
    follower.on('llmq.admin.lane-paused.v1', ({ data: { lane, by, reason }, time }, sequence) => {
      // Who paused it first is who is to be asked.
      if (!this.pauses.has(lane)) {
        this.pauses.set(lane, { since: time, by, reason });
        this.keep(lane, { sequence, time, paused: true });
      }
      this.changed();
    });
    follower.on('llmq.admin.lane-resumed.v1', ({ data: { lane }, time }, sequence) => {
      if (this.pauses.delete(lane)) this.keep(lane, { sequence, time, paused: false });
      this.changed();
    });
  }

  isPaused(lane: Lane): boolean {
    return this.pauses.has(lane);
  }

  pauseOf(lane: Lane): Pause | null {
    return this.pauses.get(lane) ?? null;
  }

  /** In the order of the log, the last thousand. */
  changesOf(lane: Lane): readonly PauseChange[] {
    return this.changes.get(lane) ?? [];
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private keep(lane: Lane, change: PauseChange): void {
    this.changes.set(lane, [...this.changesOf(lane), change].slice(-KEPT_CHANGES));
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
