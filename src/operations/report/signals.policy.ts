import type { Lane } from '../../domain/message/lane.policy.js';
import type { LogRoomState } from '../../log/room/log-room.policy.js';

/** What was read, or why it is not known now. Never a zero that was made up. */
export type Signal<T> = Known<T> | NotKnown;
export interface Known<T> {
  readonly value: T;
}
export interface NotKnown {
  /** For people: the end of "is not known: ...". */
  readonly unknown: string;
}

export function isKnown<T>(signal: Signal<T>): signal is Known<T> {
  return 'value' in signal;
}

/** A part that gave no answer. That is known of it, and nothing else. */
export interface Silent {
  readonly answers: false;
  readonly error: string;
}

export interface LaneSignal {
  readonly lane: Lane;
  /** Messages that no slot serves. */
  readonly waiting: number;
  readonly running: number;
  /** So many more could run at once, as far as workers told. */
  readonly startable: number;
  readonly pause: { readonly since: string; readonly by: string; readonly reason: string } | null;
}

export interface WorkersSignal {
  readonly count: number;
  readonly slots: number;
  readonly running: number;
}

export interface ModelSignal {
  readonly model: string;
  /** Null while no process here has it. */
  readonly state: 'healthy' | 'degraded' | 'unhealthy' | 'draining' | null;
  readonly reason: string;
  /** 0 where it is not cooling down. */
  readonly coolsForSeconds: number;
}

export interface EndpointSignal {
  readonly name: string;
  readonly drained: boolean;
  readonly models: readonly ModelSignal[];
}

/** Messages of all tenants that ended in the last hour. */
export interface EndedSignal {
  /** Completed or given up. */
  readonly processed: number;
  /** Given up, and still dead letters. */
  readonly dead: number;
  /** The most frequent reasons of these, the first one first. */
  readonly reasons: readonly DeadReason[];
}

export interface DeadReason {
  readonly code: string;
  readonly model: string | null;
  readonly tenant: string;
  readonly count: number;
}

/** The calls of the messages that ended last, at one endpoint. */
export interface AttemptsSignal {
  readonly endpoint: string;
  readonly attempts: number;
  readonly failed: number;
  /** The most frequent one. */
  readonly code: string | null;
}

/** Webhooks of all tenants that wait for a try. */
export interface WebhooksSignal {
  readonly waiting: number;
  /** Those that were tried before, in vain. */
  readonly failing: number;
  /** How long ago the end of a message was that the oldest of the failing tells; null where none fails. */
  readonly oldestFailingSeconds: number | null;
  /** Those whose time was over a minute ago, so that nobody seems to send them. */
  readonly overdue: number;
}

export interface TablesSignal {
  readonly answers: true;
  /** Positions of the log that the tables don't have: at most so many events. */
  readonly lag: number;
  /** They came to where the log ended when it was asked. */
  readonly caughtUp: boolean;
  /** They came further while they were watched. */
  readonly moved: boolean;
  /** Why the projection can't go on, where a process said so. */
  readonly stop: string | null;
  readonly lostRecords: number;
}

export interface LogSignal {
  readonly answers: true;
  readonly room: LogRoomState['kind'];
  /** For people: what the room is like, and what keeps the log from storing. */
  readonly text: string;
  /** What keeps the log from storing although it has room; null for nothing. */
  readonly hindrance: string | null;
}

export interface SchedulerSignal {
  readonly slots: number | null;
  readonly wantedSlots: number | null;
  /** Of each lane; null where it was not read. */
  readonly oldestSeconds: Readonly<Record<Lane, number | null>>;
}

/** All that a report is made from, each part read for itself. */
export interface Signals {
  readonly log: Signal<LogSignal | Silent>;
  readonly lanes: Signal<readonly LaneSignal[]>;
  /** How long the oldest message of each lane waits, in seconds; null where none does. */
  readonly oldest: Signal<Readonly<Record<Lane, number | null>>>;
  readonly workers: Signal<WorkersSignal>;
  readonly endpoints: Signal<readonly EndpointSignal[]>;
  readonly ended: Signal<EndedSignal>;
  readonly attempts: Signal<readonly AttemptsSignal[]>;
  readonly webhooks: Signal<WebhooksSignal>;
  /** That what was acknowledged is on a disk, or on three servers. */
  readonly durability: Signal<string>;
  readonly tables: Signal<TablesSignal | Silent>;
  /** What the leader of the schedulers read; null where the scheduler is off. */
  readonly scheduler: Signal<SchedulerSignal | null>;
}

export type SignalName = keyof Signals;
