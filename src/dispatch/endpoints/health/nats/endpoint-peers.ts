import { EventEmitter } from 'node:events';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import { broadcast, onBroadcast } from '../../../../broker/broadcasts.js';
import { SOURCES, type Sources } from '../../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../../platform/config/service-config.js';
import { NATS } from '../../../../platform/tokens.js';
import { EndpointRegistry } from '../../endpoint-registry.js';
import type { LastUse } from '../../limits/estate.policy.js';
import type { SignTold } from '../../registry/registry-events.js';
import { type Doubt, moved } from '../doubt.policy.js';
import {
  type Beat,
  beatSchema,
  type Doubts,
  doubtsSchema,
  leftSchema,
  signsSchema,
} from './peer-messages.js';

/** Core NATS, stored by no stream: what was missed is made good by the next beat. */
const SUBJECTS = {
  beat: 'llmq.endpoints.beat',
  left: 'llmq.endpoints.left',
  signs: 'llmq.endpoints.signs',
  doubts: 'llmq.endpoints.doubts',
} as const;

const BEAT_EVERY_MS = 1_000;
const SIGNS_WITHIN_MS = 50;
const FORGETS_MS = 60_000;
/** A member that was silent for so long is dead, or may not be heard. */
export const SILENT_MS = 5_000;
/** So long after a beat that came back, the member may count on being heard. Well below `SILENT_MS`. */
export const HEARD_FOR_MS = 3_000;
/** Who is to try and does not, for lack of a message or of a slot, makes room for the next. */
const TRIES_WITHIN_MS = 2_000;

export interface PeerEvents {
  /** One more is there. */
  joined: [member: string];
  /** It said so, or was silent for too long. */
  left: [member: string];
  /** A second has passed. */
  beat: [];
  /** This process was not heard for longer than the others may have waited. */
  gap: [];
  /** This process is heard, and was not before. */
  heard: [];
}

export interface PeersOptions {
  /** One run of one process. */
  readonly member: string;
  /** False for a process that only wants to know. */
  readonly calls?: boolean;
}

/**
 * Makes the registries of all processes know what one of them has seen of the endpoints.
 *
 * Signs of trouble go out within some milliseconds, and calls that went well are summed up once a second: a call costs
 * nothing here. One member leads, the one with the smallest name that is heard. It repeats all doubts once a second while
 * there are any, so that registries which folded the same signs in another order agree again and a newcomer learns them,
 * and it says which member may try what is not known to serve.
 */
export class EndpointPeers {
  readonly events = new EventEmitter<PeerEvents>();
  private readonly member: string;
  private readonly calls: boolean;
  /** When each other member was last heard, on this clock. */
  private readonly heardAt = new Map<string, number>();
  /** What each told last, kept for who divides what it leaves. */
  private readonly uses = new Map<string, { readonly used: Beat['used']; readonly atMs: number }>();
  private ownHeardMs = Number.NEGATIVE_INFINITY;
  private tries: string | null = null;
  private triesSinceMs = 0;
  private othersDoubt = false;
  private startedMs = 0;
  private signs: SignTold[] = [];
  private signTimer: NodeJS.Timeout | null = null;
  private beatTimer: NodeJS.Timeout | null = null;
  private endings: (() => void)[] = [];

  constructor(
    private readonly nats: NatsConnection,
    private readonly registry: EndpointRegistry,
    { member, calls = true }: PeersOptions,
  ) {
    this.member = member;
    this.calls = calls;
  }

  get name(): string {
    return this.member;
  }

  /** True in one process: what is to be done once for all is done there. */
  get leads(): boolean {
    return this.calls && this.isHeard && this.leader === this.member;
  }

  /** Its beats come back: who asks whether it is alive gets the right answer. */
  get isHeard(): boolean {
    return performance.now() - this.ownHeardMs < HEARD_FOR_MS;
  }

  /** When the beat was sent that came back last, on this process's clock. */
  get heardSinceMs(): number {
    return this.ownHeardMs;
  }

  /** Those that call endpoints and are alive, as far as is known here; this one too if it does. */
  get members(): string[] {
    return [...(this.calls ? [this.member] : []), ...this.heardAt.keys()].sort();
  }

  /** What a member told last of an endpoint whose minute is limited; null where it told nothing. */
  lastUse(member: string, endpoint: string): LastUse | null {
    const last = this.uses.get(member);
    const used = last?.used[endpoint];
    return last === undefined || used === undefined
      ? null
      : { ...used, agoMs: performance.now() - last.atMs };
  }

  start(): void {
    this.startedMs = performance.now();
    this.endings = [
      onBroadcast(this.nats, SUBJECTS.beat, beatSchema, (beat) => this.heard(beat)),
      onBroadcast(this.nats, SUBJECTS.left, leftSchema, ({ member }) => this.gone(member)),
      onBroadcast(this.nats, SUBJECTS.signs, signsSchema, ({ member, signs }) => {
        if (member !== this.member) for (const sign of signs) this.registry.watches.hear(sign);
      }),
      onBroadcast(this.nats, SUBJECTS.doubts, doubtsSchema, (doubts) => this.adopt(doubts)),
    ];
    const keep = (told: SignTold) => this.keep(told);
    this.registry.events.on('sign', keep);
    this.endings.push(() => this.registry.events.off('sign', keep));
    this.registry.triesAreOf(() => this.isToTry);
    this.beat();
  }

  stop(): void {
    for (const end of this.endings.splice(0)) end();
    if (this.beatTimer !== null) clearTimeout(this.beatTimer);
    if (this.signTimer !== null) clearTimeout(this.signTimer);
    this.beatTimer = null;
    if (this.calls) broadcast(this.nats, SUBJECTS.left, { member: this.member });
  }

  /** Until others have had the time to be heard, nobody tries on its own account but who is alone for certain. */
  private get isToTry(): boolean {
    if (this.tries !== null && this.members.includes(this.tries)) return this.tries === this.member;
    return this.leader === this.member;
  }

  private get leader(): string | undefined {
    return this.members[0];
  }

  private beat(): void {
    this.beatTimer = setTimeout(() => this.beat(), BEAT_EVERY_MS);
    this.dropSilent();
    if (this.calls) {
      this.tellBeat(this.registry.watches.takeUnsaid());
      if (this.leads && (this.othersDoubt || this.registry.watches.doubts().length > 0)) this.tellDoubts();
      this.othersDoubt = false;
    }
    this.events.emit('beat');
  }

  private tellBeat(well: Beat['well']): void {
    const doubts = this.registry.watches.doubts().length > 0;
    const used = this.registry.minuteUse();
    const beat: Beat = { member: this.member, at: performance.now(), doubts, well, used };
    broadcast(this.nats, SUBJECTS.beat, beat);
  }

  private heard({ member, at, doubts, well, used }: Beat): void {
    if (member === this.member) {
      const wasHeard = this.isHeard;
      const isGap = at - this.ownHeardMs > HEARD_FOR_MS;
      this.ownHeardMs = Math.max(this.ownHeardMs, at);
      if (isGap) this.events.emit('gap');
      if (!wasHeard && this.isHeard) this.events.emit('heard');
      return;
    }
    const isNew = !this.heardAt.has(member);
    this.heardAt.set(member, performance.now());
    this.uses.set(member, { used, atMs: performance.now() });
    for (const [endpoint, model, calls, firstTokenMs] of well) {
      this.registry.watches.hearWell(endpoint, model, calls, firstTokenMs);
    }
    this.othersDoubt ||= doubts;
    if (!isNew) return;
    // It knows nobody yet, and nothing of what was before it.
    if (this.calls) this.tellBeat([]);
    if (this.leads) this.tellDoubts();
    this.events.emit('joined', member);
  }

  private dropSilent(): void {
    const oldest = performance.now() - SILENT_MS;
    for (const [member, { atMs }] of this.uses) if (atMs < oldest - FORGETS_MS) this.uses.delete(member);
    // Who was not heard itself can't tell who is silent from what it did not hear.
    if (this.calls && performance.now() - this.startedMs > HEARD_FOR_MS && !this.isHeard) {
      for (const member of this.heardAt.keys()) this.heardAt.set(member, performance.now());
      return;
    }
    for (const [member, at] of this.heardAt) if (at < oldest) this.gone(member);
  }

  private gone(member: string): void {
    if (this.heardAt.delete(member)) this.events.emit('left', member);
  }

  private keep(told: SignTold): void {
    if (!this.calls) return;
    this.signs.push(told);
    this.signTimer ??= setTimeout(() => this.tellSigns(), SIGNS_WITHIN_MS);
  }

  private tellSigns(): void {
    this.signTimer = null;
    broadcast(this.nats, SUBJECTS.signs, { member: this.member, signs: this.signs });
    this.signs = [];
  }

  private tellDoubts(): void {
    this.chooseWhoTries();
    const nowMs = performance.now();
    const doubts = this.registry.watches.doubts().map(({ endpoint, model, doubt }) => ({
      ...{ endpoint, model },
      ...moved(doubt, -nowMs),
    }));
    broadcast(this.nats, SUBJECTS.doubts, { member: this.member, tries: this.tries, doubts });
  }

  /** The leader first; the next when a try has been due for some time and nobody made it. */
  private chooseWhoTries(): void {
    const nowMs = performance.now();
    const { members } = this;
    const at = this.tries === null ? -1 : members.indexOf(this.tries);
    const isStuck =
      this.registry.watches.hasDueTry(TRIES_WITHIN_MS) && nowMs - this.triesSinceMs > TRIES_WITHIN_MS;
    if (at >= 0 && !isStuck) return;
    this.tries = members[(at + 1) % members.length] ?? this.member;
    this.triesSinceMs = nowMs;
  }

  private adopt({ member, tries, doubts }: Doubts): void {
    if (member === this.member || member !== (this.calls ? this.leader : member)) return;
    this.tries = tries;
    const nowMs = performance.now();
    this.registry.watches.adopt(
      doubts.map(({ endpoint, model, ...doubt }) => ({
        ...{ endpoint, model },
        doubt: moved(doubt as unknown as Doubt, nowMs),
      })),
    );
  }
}

export const ENDPOINT_PEERS: Provider = {
  provide: EndpointPeers,
  inject: [NATS, EndpointRegistry, SERVICE_CONFIG, SOURCES],
  useFactory: (
    nats: NatsConnection,
    registry: EndpointRegistry,
    { roles }: ServiceConfig,
    { newId }: Sources,
  ) => new EndpointPeers(nats, registry, { member: newId(), calls: roles.has('worker') }),
};
