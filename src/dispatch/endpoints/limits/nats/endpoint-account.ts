import type { CompareAndSetBucket } from '../../../../broker/compare-and-set-bucket.js';
import type { EndpointLimits } from '../endpoint-limits.js';
import { type LastUse, leftInUse } from '../estate.policy.js';
import {
  claimed,
  EMPTY_LEDGER,
  free,
  handed,
  type Ledger,
  membersOf,
  RESOURCES,
  type Resource,
  toGive,
  unitsOf,
  usable,
  without,
} from '../share-ledger.policy.js';

const TRIES = 20;
/** Others that need more are reckoned with for so long after they said so. */
export const NEED_COUNTS_MS = 1_000;
/** After its share may have changed without it, a member claims only what it has in use, so that all others can too. */
const OTHERS_FIRST_MS = 1_500;

export interface AccountParts {
  readonly endpoint: string;
  readonly member: string;
  readonly limits: EndpointLimits;
  readonly bucket: CompareAndSetBucket<Ledger>;
  /** Told after each write. */
  readonly written: (revision: number, ledger: Ledger) => void;
  /** Told when this member's share has become another one. */
  readonly changed: () => void;
  readonly isHeard: () => boolean;
}

/**
 * One endpoint's ledger as this member knows it. All that changes it goes one after the other, and by compare-and-set. A
 * share that is given away is set aside before it is written, and one that is received counts only once it is written.
 */
export class EndpointAccount {
  private ledger: Ledger = EMPTY_LEDGER;
  private revision = -1;
  private last: Promise<unknown> = Promise.resolve();
  /** What is known may be old: nothing new is begun until it is read again. */
  private isOld = true;
  private claimsFromMs = 0;
  /** Others that need more, and until when that counts. */
  private readonly needs = new Map<string, number>();

  constructor(private readonly parts: AccountParts) {
    this.apportion();
  }

  /** Members that hold something. */
  get members(): string[] {
    return membersOf(this.ledger);
  }

  /** This process stood still, or was not heard: others may have taken its share. */
  grewOld(): void {
    this.isOld = true;
    this.apportion();
  }

  get needsReading(): boolean {
    return this.isOld;
  }

  /** Reads what is so, and claims what is free. @throws when the broker does not say */
  read(isStart: boolean): Promise<void> {
    return this.oneByOne(async () => {
      const wasOld = this.isOld;
      await this.refresh();
      if (wasOld && !isStart) this.claimsFromMs = performance.now() + OTHERS_FIRST_MS;
      this.isOld = false;
      await this.claimNow();
    });
  }

  /** Another member has written. */
  hear(revision: number, ledger: Ledger): void {
    if (this.isOld || revision <= this.revision) return;
    const { member } = this.parts;
    const isLess = RESOURCES.some(
      (each) => unitsOf(ledger, each, member) < unitsOf(this.ledger, each, member),
    );
    // Only this member gives its share away. So the others took it for gone, or the ledger was made anew.
    if (isLess) this.grewOld();
    else this.adopt(revision, ledger);
  }

  /** Claims what nobody has. */
  claim(): Promise<void> {
    return this.oneByOne(() => this.claimNow());
  }

  /** @returns whether there is anything that nobody has */
  get hasFree(): boolean {
    const { limits } = this.parts;
    return RESOURCES.some((resource) => {
      const total = limits.total(resource);
      return total !== null && free(this.ledger, resource, total, Date.now()) > 0;
    });
  }

  /** Another member needs more: gives what is idle here, now or as calls end. */
  async give(
    to: string,
    lacks: readonly { readonly resource: Resource; readonly units: number }[],
  ): Promise<void> {
    const nowMs = performance.now();
    for (const [member, untilMs] of this.needs) if (untilMs < nowMs) this.needs.delete(member);
    this.needs.set(to, nowMs + NEED_COUNTS_MS);
    const { limits } = this.parts;
    const needsToo = limits.isShort(NEED_COUNTS_MS, nowMs);
    const gifts = lacks.flatMap(({ resource, units }) => {
      const total = limits.total(resource);
      if (total === null) return [];
      const [idle, share] = [limits.idle(resource, nowMs), limits.share(resource)];
      const given = toGive({ units, idle, share, total, needing: this.needs.size + 1, needsToo });
      return given > 0 ? [{ resource, units: given }] : [];
    });
    if (gifts.length === 0 || this.isOld) return;
    for (const { resource, units } of gifts) limits.setAside(resource, units);
    try {
      await this.oneByOne(() =>
        this.update((ledger) => {
          const from = this.parts.member;
          return gifts.reduce((before, gift) => handed(before, { ...gift, from, to }), ledger);
        }),
      );
    } catch (error) {
      // Whether it was written nobody knows until it is read again.
      this.grewOld();
      throw error;
    } finally {
      for (const { resource, units } of gifts) limits.setAside(resource, -units);
    }
  }

  /** Takes the share of a member that is gone, but for what its calls of the last minute hold. */
  bury(member: string, last: LastUse | null): Promise<void> {
    return this.oneByOne(async () => {
      await this.update((ledger) => this.withoutMember(ledger, member, last));
      await this.claimNow();
    });
  }

  /** Leaves: what it has is the others', but for what its calls of the last minute hold. */
  async leave(): Promise<void> {
    const { member, limits } = this.parts;
    const use = limits.minuteUse(performance.now());
    const last = use === null ? null : { ...use, agoMs: 0 };
    await this.oneByOne(() => this.update((ledger) => this.withoutMember(ledger, member, last)));
  }

  private withoutMember(ledger: Ledger, member: string, last: LastUse | null): Ledger {
    if (!membersOf(ledger).includes(member)) return ledger;
    return without(ledger, member, leftInUse(ledger, member, last, Date.now()));
  }

  private async claimNow(): Promise<void> {
    const { member, limits } = this.parts;
    const nowMs = performance.now();
    const onlyInUse = nowMs < this.claimsFromMs;
    await this.update((ledger) =>
      RESOURCES.reduce((before, resource) => {
        const total = limits.total(resource);
        if (total === null) return before;
        const missing = Math.max(
          0,
          Math.ceil(limits.inUse(resource, nowMs)) - unitsOf(before, resource, member),
        );
        return claimed(before, { resource, member, units: onlyInUse ? missing : total }, total, Date.now());
      }, ledger),
    );
  }

  /** @throws when the broker does not say, or others always were first */
  private async update(change: (ledger: Ledger) => Ledger): Promise<void> {
    if (this.revision < 0) await this.refresh();
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const next = change(this.ledger);
      if (isSame(next, this.ledger)) return;
      const revision = await this.parts.bucket.write(
        keyOf(this.parts.endpoint),
        next,
        Math.max(0, this.revision),
      );
      if (revision !== null) {
        this.adopt(revision, next);
        this.parts.written(revision, next);
        return;
      }
      await this.refresh();
    }
    throw new Error(`The shares of ${this.parts.endpoint} could not be written: others were always first.`);
  }

  private async refresh(): Promise<void> {
    const entry = await this.parts.bucket.read(keyOf(this.parts.endpoint));
    this.adopt(entry?.revision ?? 0, entry?.value ?? EMPTY_LEDGER);
  }

  private adopt(revision: number, ledger: Ledger): void {
    this.revision = revision;
    this.ledger = ledger;
    this.apportion();
  }

  private apportion(): void {
    const { limits, member } = this.parts;
    const shareOf = (resource: Resource) =>
      usable(this.ledger, resource, member, limits.total(resource) ?? 0);
    const shares = { places: shareOf('places'), rpm: shareOf('rpm'), tpm: shareOf('tpm') };
    limits.apportion(shares, () => !this.isOld && this.parts.isHeard());
    this.parts.changed();
  }

  private oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work, work);
    this.last = next.catch(() => undefined);
    return next;
  }
}

/** Endpoint names have what keys may have, but dots would divide the subject. */
function keyOf(endpoint: string): string {
  return endpoint.replaceAll('.', '=');
}

function isSame(one: Ledger, other: Ledger): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
