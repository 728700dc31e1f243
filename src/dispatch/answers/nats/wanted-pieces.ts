import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { WANTED_PIECES_SUBJECT } from '../../../broker/message-subjects.js';
import { isUuid } from '../../../domain/uuid.policy.js';
import { NATS } from '../../../platform/tokens.js';

/** How long a worker remembers that the pieces of an answer are wanted. */
const REMEMBERED_MS = 30_000;
/** Whoever wants them says so again this often. A worker that begins an answer later hears of it by that. */
const AGAIN_MS = 5_000;
/** What is wanted within this time of the first is said together. */
const GATHER_MS = 2;
/** Some 40 bytes each. */
const MOST_IN_ONE = 1_000;
const MOST_REMEMBERED = 200_000;

const noticeSchema = z.object({ ids: z.array(z.string().refine(isUuid)).max(MOST_IN_ONE) });

/**
 * Which answers somebody listens to, in any process: the pieces of a message that was not submitted with `stream: true`
 * go out only then. Said over core NATS by those who listen, and remembered for a while by all, so that nobody has to
 * answer and what is lost is said again. Where nobody listens nothing is said, and workers look into an empty map.
 */
@Injectable()
export class WantedPieces {
  /** How many in this process want the pieces of a message. */
  private readonly here = new Map<string, number>();
  private unsaid = new Set<string>();
  private saying: NodeJS.Timeout | null = null;
  private repeating: NodeJS.Timeout | null = null;
  /** Until when, by a clock that only goes forward. */
  private readonly heard = new Map<string, number>();
  private readonly ends: (() => void)[] = [];

  constructor(@Inject(NATS) private readonly nats: NatsConnection) {
    const subscription = nats.subscribe(WANTED_PIECES_SUBJECT, {
      callback: (error, message) => {
        if (error === null) this.hear(message.data);
      },
    });
    this.ends.push(
      () => subscription.unsubscribe(),
      ConnectionWatch.of(nats).onUp(() => this.sayAll()),
    );
  }

  has(messageId: string): boolean {
    if (this.heard.size === 0) return false;
    return (this.heard.get(messageId) ?? 0) > performance.now();
  }

  /** @returns how to want it no more */
  want(messageId: string): () => void {
    const others = this.here.get(messageId) ?? 0;
    this.here.set(messageId, others + 1);
    if (others === 0) this.say(messageId);
    this.repeating ??= setInterval(() => this.sayAll(), AGAIN_MS).unref();
    return () => this.leave(messageId);
  }

  close(): void {
    for (const end of this.ends) end();
    if (this.saying !== null) clearTimeout(this.saying);
    if (this.repeating !== null) clearInterval(this.repeating);
  }

  private leave(messageId: string): void {
    const left = (this.here.get(messageId) ?? 1) - 1;
    if (left > 0) this.here.set(messageId, left);
    else this.here.delete(messageId);
    if (this.here.size > 0 || this.repeating === null) return;
    clearInterval(this.repeating);
    this.repeating = null;
  }

  private say(messageId: string): void {
    this.unsaid.add(messageId);
    this.saying ??= setTimeout(() => {
      this.saying = null;
      const ids = [...this.unsaid];
      this.unsaid = new Set();
      this.publish(ids);
    }, GATHER_MS);
  }

  private sayAll(): void {
    this.publish([...this.here.keys()]);
  }

  private publish(ids: readonly string[]): void {
    if (this.nats.isClosed()) return;
    for (let from = 0; from < ids.length; from += MOST_IN_ONE) {
      this.nats.publish(WANTED_PIECES_SUBJECT, JSON.stringify({ ids: ids.slice(from, from + MOST_IN_ONE) }));
    }
  }

  private hear(bytes: Uint8Array): void {
    const now = performance.now();
    for (const id of idsIn(bytes)) {
      // At the end of the map's order, where the youngest are.
      this.heard.delete(id);
      this.heard.set(id, now + REMEMBERED_MS);
    }
    for (const [id, until] of this.heard) {
      if (until > now && this.heard.size <= MOST_REMEMBERED) break;
      this.heard.delete(id);
    }
  }
}

/** Empty for what is no notice: it may come from anyone who may publish. */
function idsIn(bytes: Uint8Array): readonly string[] {
  try {
    return noticeSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data?.ids ?? [];
  } catch {
    return [];
  }
}
