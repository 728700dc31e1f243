/** A deployment (one model at one endpoint) that can be chosen, as it stands now. */
export interface Candidate {
  /** The endpoint's. Sessions are bound to it. */
  readonly name: string;
  /** Calls under way. */
  readonly taken: number;
  /** How many may be under way now. */
  readonly places: number;
  /** Where fewer may begin now than there are places: how many there are, for who reads the reason. */
  readonly held?: number;
  /** Its calls are spaced by a rate. */
  readonly paced?: boolean;
  /** Above 0: its part of the traffic beside the others'. */
  readonly weight: number;
  /** `backup` gets calls only while no primary can serve. */
  readonly group: 'primary' | 'backup';
  /** Peak-sensitive mean of the time to the first piece; null while nothing was measured. */
  readonly firstTokenEwmaMs: number | null;
  /** 0 to 1: how much of its part of the traffic it gets, while it comes back from being unhealthy. */
  readonly share: number;
  /** False while it is given no call, for whatever reason: ill, cooling down, or excluded by who asks. */
  readonly healthy: boolean;
}

/** What the choices for one model remember from one to the next. */
export interface ChoiceState {
  /** Rises with each choice. */
  readonly turn: number;
  /** By index of the candidate: what smooth turns owe to each. Shorter where none was owed anything yet. */
  readonly credits: readonly number[];
}

/** For a list of candidates that is new: `credits` go by index. */
export const NOTHING_CHOSEN: ChoiceState = { turn: 0, credits: [] };

/** From 0 up to, but not including, 1. */
export type Random = () => number;

export interface Pick {
  /** Index into the candidates. */
  readonly index: number;
  /** Why this one, in words for people who read the log. */
  readonly reason: string;
  /** Where the strategy keeps some. */
  readonly credits?: readonly number[];
}

/**
 * A rule for the choice among deployments of one model.
 *
 * @param free indexes of those that can take the call: at least two, in the order of the candidates
 */
export type Strategy = (
  candidates: readonly Candidate[],
  free: readonly number[],
  state: ChoiceState,
  random: Random,
) => Pick;

export function placesTaken({ taken, places, held, paced }: Candidate): string {
  return `${taken} of ${held ?? places} places taken${paced === true ? ', its rate is paced' : ''}`;
}

/** 0 when idle, 1 when full, for an endpoint of weight 1. */
export function loadOf({ taken, places, weight }: Candidate): number {
  return taken / (places * weight);
}
