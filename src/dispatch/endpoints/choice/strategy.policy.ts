/** A deployment (one model at one endpoint) that can be chosen, as this process counts its places. */
export interface Candidate {
  readonly taken: number;
  readonly places: number;
  /** Its part of the traffic beside the others', for strategies that weigh. */
  readonly weight: number;
}

export interface Choice {
  /** Index into what was to choose from. */
  readonly index: number;
  /** Why this one, in words for people who read the log. */
  readonly reason: string;
}

/**
 * A rule for the choice among deployments of one model.
 *
 * @param free at least two, each with a free place; the one whose turn it is comes first
 * @param of how many deployments the model has, those without a free place counted too
 */
export type Strategy = (free: readonly Candidate[], of: number) => Choice;

export function placesTaken({ taken, places }: Candidate): string {
  return `${taken} of ${places} places taken`;
}
