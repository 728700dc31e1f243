import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ChangesChannel } from '../../projection/read/nats/changes-channel.js';
import type { Changes, Erased } from '../../projection/tables/changes.js';

/** The projector forgets who watches after some more of these. */
const AGAIN_MS = 3_000;

/** Which messages are watched. */
export type Watched =
  | { readonly kind: 'message'; readonly id: string }
  | { readonly kind: 'conversation' | 'user'; readonly tenant: string; readonly id: string };

export interface ChangeWatcher {
  readonly watched: Watched;
  /** This message changed. */
  changed(messageId: string): void;
  /** These messages are there no more. Said to those that watch more than one message of this tenant. */
  erased(messageIds: readonly string[]): void;
  /** Changes may have been missed: look at all. */
  unsure(): void;
  /**
   * Every change up to this sequence of the log was told. Said to those that watch more than one message, at once where one
   * of theirs changed, and to the others from time to time.
   */
  reached(sequence: number): void;
  /** Some time has passed. */
  tick(): void;
}

/**
 * Tells the followers of this process what changes in the tables, as the projector tells it. While nobody follows, this
 * process hears nothing, and where that holds for all of them the projector says nothing.
 */
@Injectable()
export class MessageChanges implements OnApplicationShutdown {
  private readonly watchers = new Map<string, Set<ChangeWatcher>>();
  /** Those of conversations and users. */
  private readonly wide = new Set<ChangeWatcher>();
  private all = 0;
  /** Up to where changes were told without a gap; null before the first were. */
  private told: number | null = null;
  private endListening: (() => void) | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(@Inject(ChangesChannel) private readonly channel: ChangesChannel) {}

  /** What changes from here on is told to it. @returns ends it */
  watch(watcher: ChangeWatcher): () => void {
    const key = keyOf(watcher.watched);
    const others = this.watchers.get(key) ?? new Set();
    this.watchers.set(key, others.add(watcher));
    if (watcher.watched.kind !== 'message') this.wide.add(watcher);
    this.all += 1;
    if (this.all === 1) this.begin();
    return () => this.leave(key, watcher);
  }

  onApplicationShutdown(): void {
    this.end();
  }

  private leave(key: string, watcher: ChangeWatcher): void {
    const others = this.watchers.get(key);
    if (others?.delete(watcher) !== true) return;
    if (others.size === 0) this.watchers.delete(key);
    this.wide.delete(watcher);
    this.all -= 1;
    if (this.all === 0) this.end();
  }

  private begin(): void {
    this.told = null;
    this.endListening = this.channel.listen(
      (changes) => this.hear(changes),
      () => this.missed(),
    );
    this.channel.watch();
    this.timer = setInterval(() => {
      this.channel.watch();
      for (const watcher of this.everyone()) watcher.tick();
      if (this.told !== null) for (const watcher of this.wide) watcher.reached(this.told);
    }, AGAIN_MS).unref();
  }

  private end(): void {
    this.endListening?.();
    this.endListening = null;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private missed(): void {
    this.told = null;
    this.channel.watch();
  }

  private hear({ from, to, messages, erased }: Changes): void {
    const isGap = messages === null || from !== this.told;
    this.told = to;
    // What was missed is made good by a look at all, which sees these changes too.
    if (isGap) for (const watcher of this.everyone()) watcher.unsure();
    const concerned = new Set<ChangeWatcher>();
    for (const { id, tenant, userId, conversationId } of messages ?? []) {
      this.tell({ kind: 'message', id }, id);
      if (this.wide.size === 0) continue;
      this.tell({ kind: 'user', tenant, id: userId }, id, concerned);
      if (conversationId !== null)
        this.tell({ kind: 'conversation', tenant, id: conversationId }, id, concerned);
    }
    if (erased.length > 0) this.hearErased(erased);
    for (const watcher of concerned) watcher.reached(to);
  }

  private hearErased(erased: readonly Erased[]): void {
    const ofTenants = new Map<string, string[]>();
    for (const { kind, tenant, id } of erased) {
      if (kind === 'conversation') {
        for (const watcher of this.watchers.get(keyOf({ kind, tenant, id })) ?? []) watcher.unsure();
        continue;
      }
      this.tell({ kind, id }, id);
      const others = ofTenants.get(tenant);
      if (others === undefined) ofTenants.set(tenant, [id]);
      else others.push(id);
    }
    for (const watcher of this.wide) {
      const { watched } = watcher;
      const ids = watched.kind === 'message' ? undefined : ofTenants.get(watched.tenant);
      if (ids !== undefined) watcher.erased(ids);
    }
  }

  private tell(watched: Watched, messageId: string, concerned?: Set<ChangeWatcher>): void {
    for (const watcher of this.watchers.get(keyOf(watched)) ?? []) {
      watcher.changed(messageId);
      concerned?.add(watcher);
    }
  }

  private everyone(): ChangeWatcher[] {
    return [...this.watchers.values()].flatMap((watchers) => [...watchers]);
  }
}

function keyOf(watched: Watched): string {
  if (watched.kind === 'message') return watched.id;
  return `${watched.kind === 'user' ? 'u' : 'c'} ${JSON.stringify([watched.tenant, watched.id])}`;
}
