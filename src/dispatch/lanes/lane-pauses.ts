import { Inject, Injectable } from '@nestjs/common';
import type { Lane } from '../../domain/message/message.events.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';

/** Who paused a lane, since when (ISO 8601), and why. */
export interface Pause {
  readonly since: string;
  readonly by: string;
  readonly reason: string;
}

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
  private readonly listeners = new Set<() => void>();

  constructor(@Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>) {
    follower.on('llmq.admin.lane-paused.v1', ({ data: { lane, by, reason }, time }) => {
      // Who paused it first is who is to be asked.
      if (!this.pauses.has(lane)) this.pauses.set(lane, { since: time, by, reason });
      this.changed();
    });
    follower.on('llmq.admin.lane-resumed.v1', ({ data: { lane } }) => {
      this.pauses.delete(lane);
      this.changed();
    });
  }

  isPaused(lane: Lane): boolean {
    return this.pauses.has(lane);
  }

  pauseOf(lane: Lane): Pause | null {
    return this.pauses.get(lane) ?? null;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
