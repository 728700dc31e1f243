/** How a projector is, for health checks and metrics. */
export interface ProjectorHealth {
  /** False before the start, after the stop, and after a failure that a person has to look at. */
  readonly running: boolean;
  /** True in the one process whose projector writes; the others stand by. */
  readonly active: boolean;
  /** The last sequence that this projector applied; 0 until it was active. */
  readonly applied: number;
  /** Where the last end was committed that somebody is to be told of; where it became active, until it committed one. */
  readonly endsToTell: number;
  /** The distance to the log's end, so at most this many events; null where this projector can't know. */
  readonly lag: number | null;
  /** What keeps it from working now; null while all is well. */
  readonly error: string | null;
}

export const IDLE_PROJECTOR: ProjectorHealth = {
  running: false,
  active: false,
  applied: 0,
  endsToTell: 0,
  lag: null,
  error: null,
};

/** Why a projector can't go on by itself. */
export interface ProjectionStop {
  /** Stable, for programs: `malformed_event`, `orphan_event`, `log_mismatch`, `log_damaged`, or an SQLSTATE. */
  readonly code: string;
  readonly message: string;
  /** The last sequence in the tables. */
  readonly applied: number;
}

/** The projector of this process, in this thread or in one of its own. Left out: where it announces its position. */
export interface ProcessProjector {
  readonly health: ProjectorHealth;
  start(): void;
  /** Somebody watches: for some seconds from now on it tells what each commit changes, and at once where it is. */
  watch(): void;
  /** Resolves when the batch under way is written and the lock is free. */
  stop(): Promise<void>;
}

/** Nest's token for the `ProcessProjector`. */
export const PROJECTOR = Symbol('ProcessProjector');
/** Nest's token for an rxjs `Subject<ProjectionStop>`: each stop of this process's projector, as it happens. */
export const PROJECTION_STOPS = Symbol('ProjectionStops');
